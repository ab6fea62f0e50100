/**
 * Runs in the folder that holds the folders of all volumes.
 *
 * `look VOLUME…` prints the inode number of each volume's folder. `place A a B b …` makes the volume A hold the folder
 * with the inode a, and B that with b, from any state that an exchange of the two can be left in: they are where they
 * belong, exchanged, or one of them stands aside as `A/_data.swap`. Each rename is on the disk before the next.
 */
export const swapScript = `set -eu
cd /volumes
inode() { stat -c %i "$1" 2>/dev/null || true; }
fail() { echo "$1" >&2; exit 1; }
move() {
  [ ! -e "$2" ] || fail "$2 is in the way"
  mv -T "$1" "$2"
  sync "\${1%/*}" "\${2%/*}"
}
place() {
  here=$1/_data aside=$1/_data.swap there=$3/_data
  for at in $here $aside $there; do
    case $(inode $at) in ''|"$2"|"$4") ;; *) fail "$at is another folder than before" ;; esac
  done
  if [ "$(inode $here)" = "$4" ] && [ "$(inode $there)" = "$2" ] && mv --exchange -T $here $there 2>/dev/null; then
    sync $1 $3
  fi
  if [ "$(inode $here)" = "$4" ]; then
    if [ -e $there ]; then move $here $aside; else move $here $there; fi
  fi
  if [ "$(inode $there)" = "$2" ]; then move $there $here; fi
  if [ "$(inode $aside)" = "$2" ]; then move $aside $here; fi
  if [ "$(inode $aside)" = "$4" ]; then move $aside $there; fi
  [ "$(inode $here)" = "$2" ] && [ "$(inode $there)" = "$4" ] || fail "the folders of $1 and $3 are not both there"
}
what=$1
shift
case $what in
  look) for volume; do echo "at $volume $(inode $volume/_data)"; done ;;
  place) while [ $# -gt 0 ]; do place "$1" "$2" "$3" "$4"; shift 4; done ;;
esac
`;
