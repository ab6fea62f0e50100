#!/bin/sh
# Run by the image's entry point once mongodb has its administrator. Made from stack.yaml by create-stack.
sha256sum </run/secrets/mongodb_stack_admin >/data/db/.stack-admin
rm -f /data/db/.stack-begun
