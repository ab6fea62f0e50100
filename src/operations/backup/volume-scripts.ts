import { markPatterns } from "./volume-guard.ts";

/** How every archive is written and read: owners as numbers, and all that hangs on a file beyond its content. */
const attributes = "--numeric-owner --acls --xattrs --xattrs-include='*' --xattrs-exclude=security.selinux";

/** In a tmpfs or a staging folder there is room for what a million files need. */
const preamble = `set -u -o pipefail
umask 022
export LC_ALL=C
cd /data || exit 3
seen() {
  find . -xdev ! -type s \\( -type d -printf '%C@ d %m %U %G - - %T@ %p\\0' \\
    -o -printf '%C@ %y %m %U %G %s %n %T@ %p\\t%l\\0' \\)
}
listing() { cut -z -d ' ' -f 2- | sort -z -S 64M | sha256sum | cut -d ' ' -f 1; }
account() {
  perl -0ne '
    my (undef, $type, undef, undef, undef, $size) = split / /;
    $count{$type}++;
    $bytes += $size if $type eq "f";
    END { printf "fact files %d\\nfact folders %d\\nfact links %d\\nfact others %d\\nfact bytes %d\\n", $count{f},
      $count{d}, $count{l}, $count{p} + $count{b} + $count{c}, $bytes }'
}
`;

/**
 * Makes of what tar remembered (stdin) what it may use (stdout), in the folder that it is about. GNU tar notes that a
 * folder was renamed, and cannot always do the same when it extracts: "Cannot rename", and the archive is worthless. So
 * it is made to forget folders that are not what stood at their name; it takes them for new then and copies all
 * below. Of a file with several names, one of them below such a folder, all are copied: else it came back as two files.
 */
export const forgetRenamed = `
$/ = "\\n"; my $head = <STDIN>; $/ = "\\0"; $head .= <STDIN> . <STDIN>;
my (%known, %places, $again);
until (eof STDIN) {
  my @is = map { scalar <STDIN> } 1 .. 6;
  my $holds = "";
  while (defined(my $one = <STDIN>)) { $holds .= $one; last if $one eq "\\0" }
  $holds .= <STDIN>;
  my ($inode, $name) = map { s/\\0$//r } @is[4, 5];
  my $now = (lstat $name)[1];
  $known{$name} = join("", @is) . $holds if -d _ && $now == $inode;
}
for (split /\\0/, \`find . -xdev ! -type d -links +1 -printf '%i %h\\\\0'\`) {
  my ($inode, $folder) = split / /, $_, 2;
  push @{$places{$inode}}, $folder;
}
sub copied {
  my ($folder) = @_;
  while (1) {
    return 1 unless exists $known{$folder};
    return 0 if $folder eq ".";
    $folder =~ s{/[^/]*\\z}{}s;
  }
}
do {
  $again = 0;
  for my $folders (values %places) {
    next unless grep { copied($_) } @$folders;
    for (grep { !copied($_) } @$folders) { delete $known{$_}; $again = 1 }
  }
} while $again;
print $head, values %known;
`;

/**
 * Archives /data into /backup/volume.tar.zst. First argument: the program above; second: `guard` where a database
 * server must not be at work here. /backup/.parent, where it is there, is what tar remembered of the parent; .snar is
 * what it remembers of this. Ends with 65 where it was the guard that refused.
 */
export const captureScript = `${preamble}
TMPDIR=/backup
export TMPDIR
archive() {
  exec 3> >(wc -l >/tmp/members)
  counter=$!
  tar --create --verbose --index-file=/proc/self/fd/3 --blocking-factor=512 ${attributes} --sparse --one-file-system \\
    --no-check-device --listed-incremental=/backup/.snar --warning=no-file-ignored --warning=no-new-dir . 2>/tmp/said \\
    | zstd -q -T0 -3 >/backup/volume.tar.zst
  local codes=(\${PIPESTATUS[*]})
  exec 3>&-
  wait $counter
  [ \${codes[0]} -le 1 ] && [ \${codes[1]} = 0 ] && return
  tail -n 15 /tmp/said >&2
  echo "tar ended with \${codes[0]}, zstd with \${codes[1]}" >&2
  exit 2
}
if [ "$2" = guard ]; then
  marks=$(find . -xdev -maxdepth 5 \\( ${markPatterns} \\) -printf 'mark %P\\n' | head -n 5)
  [ -z "$marks" ] || { echo "$marks"; exit 65; }
fi
seen | sort -z -S 64M >/backup/.before
if [ -f /backup/.parent ]; then perl -e "$1" </backup/.parent >/backup/.snar || rm -f /backup/.snar; fi
archive
if grep -q 'renamed from' /tmp/said; then
  # A folder was renamed just now: once more, and everything, which is right in any case.
  rm -f /backup/.snar
  archive
fi
# Hashed while the disk takes it: hashing on the way, by a second pipe, takes half as much processor time again as the archive.
sync /backup/volume.tar.zst /backup/.snar &
syncer=$!
sha256sum </backup/volume.tar.zst >/tmp/hash &
hasher=$!
seen | sort -z -S 64M >/backup/.after
grep -E 'changed as we read|removed before we read|shrank by' /tmp/said | head -n 50 | sed 's/^tar: /changed /'
account </backup/.after
echo "fact unsettled $(comm -z -3 /backup/.before /backup/.after | tr -cd '\\0' | wc -c)"
echo "fact listing $(listing </backup/.after)"
echo "fact members $(cat /tmp/members)"
wait $hasher || exit 2
wait $syncer || exit 2
rm /backup/.before /backup/.after
echo "part volume.tar.zst $(stat -c %s /backup/volume.tar.zst) $(cut -d ' ' -f 1 /tmp/hash)"
`;

/** Reads the archive /backup/volume.tar.zst to its end and counts what is in it. */
export const checkScript = `set -u -o pipefail
zstd -q -dc /backup/volume.tar.zst | tar --list --file=- --blocking-factor=512 | wc -l
`;

/**
 * Extracts the archives /backup/0/volume.tar.zst, 1 … into the empty folder /data, in that order. First argument: how
 * many; second: `deep` to compare the newest one's files with it once more. Known limit of tar: an attribute (not an access
 * list) that was taken off a folder between two archives is there again.
 */
export const loadScript = `${preamble}
TMPDIR=/tmp
export TMPDIR
# What lies in a folder is compared by the listing: tar counts sockets, which no archive holds.
differing() {
  while IFS= read -r line; do
    name=\${line%: Contents differ}
    printf -v name "\${name//%/%%}"
    [ "$name" != "$line" ] && [ -d "$name" ] || echo "differs $line"
  done
}
for number in $(seq 0 $(($1 - 1))); do
  zstd -q -dc "/backup/$number/volume.tar.zst" \\
    | tar --extract --file=- --blocking-factor=512 --listed-incremental=/dev/null ${attributes} --same-permissions || exit 2
done
sync -f . || exit 2
if [ "$2" = deep ]; then
  zstd -q -dc "/backup/$(($1 - 1))/volume.tar.zst" \\
    | tar --compare --file=- --blocking-factor=512 --numeric-owner | differing | head -n 5
fi
seen >/tmp/seen
account </tmp/seen
echo "fact listing $(listing </tmp/seen)"
`;
