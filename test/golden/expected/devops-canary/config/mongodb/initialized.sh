#!/bin/sh
# Run by the image's entry point once mongodb has its administrator. Made from stack.yaml by create-stack.
rm -f /data/db/.stack-begun
