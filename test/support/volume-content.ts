import { execFileSync } from "node:child_process";

/** Image with GNU tar, zstd and perl. */
export const toolboxImage = "postgres:18.6-trixie";

/** Runs a bash script in a container on a volume, mounted at /data where it begins. Returns its output. */
export function inVolume(volume: string, script: string, ...args: string[]): string {
  const mount = `type=volume,source=${volume},target=/data,volume-nocopy`;
  const options = ["--rm", "-i", "--network", "none", "--mount", mount, "--workdir", "/data", "--entrypoint", "bash"];
  const command = ["-euo", "pipefail", "-s", "--", ...args];
  return execFileSync("docker", ["run", ...options, toolboxImage, ...command], {
    input: `export LC_ALL=C\n${script}`,
    encoding: "latin1",
    maxBuffer: 256 * 1024 ** 2,
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/** Numbers of system calls, for what no command of the image can do: attributes beyond the content. */
const attributeCalls = `
my ($set, $get, $list);
BEGIN { ($set, $get, $list) = \`uname -m\` =~ /x86_64/ ? (189, 192, 195) : (6, 9, 12) }
sub attribute { my ($path, $name, $value) = @_; syscall($set, $path, $name, $value, length $value, 0) == 0 or die "$name of $path: $!" }
sub attributes {
  my ($path) = @_;
  my $names = "\\0" x 4096;
  my $length = syscall($list, $path, $names, 4096);
  return join ",", map {
    my $value = "\\0" x 4096;
    my $size = syscall($get, $path, $_, $value, 4096);
    "$_=" . unpack "H*", substr $value, 0, $size;
  } sort split /\\0/, substr $names, 0, $length;
}
`;

/**
 * Makes one of everything that a file system can hold: owners, modes, links of both kinds, holes, attributes, access
 * lists, capabilities, pipes, devices, sockets, names that are no text.
 */
export const oneOfEverything = `
mkdir -p site/deep/er empty 'with space' secret
chmod 2755 site; chmod 1777 empty; chmod 0500 secret
mkdir -p quiet; head -c 500000 /dev/urandom >quiet/large
echo hello >site/index.html; head -c 100000 /dev/urandom >site/deep/photo.jpg; echo x >site/deep/er/x
chown 1000:2000 site/index.html; chown 999:999 secret; chmod 4711 site/deep/er/x
: >nothing; ln site/index.html same; ln same site/deep/third
ln -s site/index.html link; ln -s /nowhere/at/all dangling; chown -h 12:34 dangling
truncate -s 40M holes; printf data | dd of=holes bs=1 seek=20000000 conv=notrunc status=none
mkfifo -m 600 pipe; mknod null c 1 3; chown 5:5 pipe
touch -d '2001-02-03 04:05:06.789012345' old; touch -h -d '1999-01-01 00:00:00.5' dangling
perl -e '
${attributeCalls}
open my $file, ">", $_ for "new\\nline", "bytes-\\xff\\xfe", " leading", "-dash", "quote\\x27\\"", "back\\\\slash", "star*", "tab\\t";
my $long = join "/", map { "n" x 200 } 1 .. 5;
system "mkdir", "-p", $long; open my $far, ">", "$long/" . "f" x 255; print $far "far away";
symlink "t" x 1000, "long-link";
attribute("site/index.html", "user.origin", "https://example.com/\\0binary");
attribute("quiet", "user.folder", "yes");
attribute("site/deep/er/x", "security.capability", pack "V5", 0x02000001, 1 << 10, 0, 0, 0);
attribute("same", "system.posix_acl_access", pack "V(vvV)5", 2, 1, 6, 0xffffffff, 2, 4, 4711, 4, 4, 0xffffffff, 16, 4, 0xffffffff, 32, 4, 0xffffffff);
attribute("empty", "system.posix_acl_default", pack "V(vvV)5", 2, 1, 7, 0xffffffff, 2, 5, 4711, 4, 5, 0xffffffff, 16, 7, 0xffffffff, 32, 5, 0xffffffff);
use Socket; socket my $socket, AF_UNIX, SOCK_STREAM, 0; bind $socket, sockaddr_un("socket") or die;
'
chown 1234:4321 .; chmod 0751 .
`;

/** Everything of a volume, line by line: type, mode, owner, size, blocks, times, names, targets, attributes, hashes. */
export function contentOf(volume: string): string[] {
  const output = inVolume(
    volume,
    `find . ! -type s \\( -type d -printf '%y %m %U %G - %T@ %p\\0' -o -printf '%y %m %U %G %s %n %T@ %p -> %l\\0' \\) | sort -z | tr '\\n\\0' '?\\n'
find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z | tr '\\n\\0' '?\\n'
find . ! -type s -print0 | sort -z | perl -0ne '${attributeCalls.replaceAll("'", `'"'"'`)} BEGIN { $/ = "\\0" } chomp; my $found = attributes($_); s/\\n/?/g; print "$_ $found\\n" if $found'
stat -c 'device %t:%T %n' null 2>/dev/null || true
find . -type f -links +1 -printf '%i %p\\n' | sort | awk '{ if ($1 == last) print "same file: " before " " $2; last = $1; before = $2 }' | sort
`,
  );
  return output.split("\n").filter((line) => line !== "");
}
