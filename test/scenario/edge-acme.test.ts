import type { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/support/process.ts";
import { describeWithDocker } from "../support/docker.ts";
import { request } from "./edge-request.ts";
import { type EdgeStack, echoApp, edgeImages, edgeStack } from "./edge-stack.ts";

const pebbleImage = "ghcr.io/letsencrypt/pebble:2.10.0";
const host = "shop.example.com";

/** Pebble is to ask for the challenge at the real port. */
const pebbleSettings = {
  pebble: {
    listenAddress: "0.0.0.0:14000",
    managementListenAddress: "0.0.0.0:15000",
    certificate: "/test/certs/localhost/cert.pem",
    privateKey: "/test/certs/localhost/key.pem",
    httpPort: 80,
    tlsPort: 443,
  },
};

/** Pebble's own certificate is signed by an authority that lies in its image. */
async function pebbleAuthority(): Promise<string> {
  const id = (await run(["docker", "create", pebbleImage])).stdout.trim();
  try {
    const tar = await run(["docker", "cp", `${id}:/test/certs/pebble.minica.pem`, "-"]);
    const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(tar.stdout)?.[0];
    if (pem === undefined) throw new Error(`no certificate in the image: ${tar.stderr}`);
    return `${pem}\n`;
  } finally {
    await run(["docker", "rm", id]);
  }
}

await describeWithDocker("certificates by ACME, from Pebble", [...edgeImages, pebbleImage], (engine) => {
  let stack: EdgeStack;
  let pebble: string;

  /** The certificate that is served now, not checked; undefined where the name is refused. */
  const served = () =>
    new Promise<X509Certificate | undefined>((resolve) => {
      const socket = connect({
        host: "127.0.0.1",
        port: stack.ports.https,
        servername: host,
        rejectUnauthorized: false,
      });
      socket.on("secureConnect", () => {
        resolve(socket.getPeerX509Certificate());
        socket.destroy();
      });
      socket.on("error", () => resolve(undefined));
    });
  const untilServed = async () => {
    for (let tries = 0; tries < 300; tries += 1) {
      const certificate = await served();
      if (certificate !== undefined) return certificate;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`no certificate\n${(await stack.compose("logs", "--no-color", "--tail", "40", "traefik")).stdout}`);
  };
  const issuedByPebble = async () => {
    const { stdout, stderr } = await run(["docker", "logs", pebble]);
    return (stdout + stderr).split("\n").filter((line) => /Issued certificate/.test(line)).length;
  };

  beforeAll(async () => {
    stack = await edgeStack({
      engine,
      traefik: `acme: { email: ops@example.com, caServer: "https://pebble:14000/dir", caCertificate: acme_server }`,
      components: [echoApp("web", host), echoApp("home", "home.localhost")].join("\n"),
      secrets: { acme_server: await pebbleAuthority() },
      // The name leads to Traefik for those on its network, as public DNS would lead Let's Encrypt there.
      override: () => ({ services: { traefik: { networks: { public: { aliases: [host] } } } } }),
    });
    writeFileSync(join(stack.directory, "pebble.json"), JSON.stringify(pebbleSettings));
    await stack.compose("up", "--no-start");
    const started = await run([
      ...["docker", "run", "-d", "--network", `${stack.model.name}_public`, "--network-alias", "pebble"],
      ...["-p", "127.0.0.1::15000", "-e", "PEBBLE_VA_NOSLEEP=1"],
      ...["--mount", `type=bind,source=${stack.directory}/pebble.json,target=/pebble.json,readonly`],
      ...[pebbleImage, "-config", "/pebble.json"],
    ]);
    if (started.code !== 0) throw new Error(started.stderr);
    pebble = started.stdout.trim();
    await stack.up();
  });
  afterAll(async () => {
    if (pebble) await run(["docker", "rm", "-f", "-v", pebble]);
    await stack?.remove();
  });

  test("Traefik proves the domain over port 80 and serves the certificate that it gets", async () => {
    const certificate = await untilServed();
    expect(certificate.subjectAltName).toBe(`DNS:${host}`);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    const { stdout, stderr } = await run(["docker", "logs", pebble]);
    expect(stdout + stderr).toContain(`http://${host}:80/.well-known/acme-challenge/`);
  });

  test("its chain leads to the authority's root, and the app answers under it", async () => {
    const address = (await run(["docker", "port", pebble, "15000"])).stdout.trim();
    const root = await run(["curl", "-sSk", `https://${address}/roots/0`]);
    const answer = await request({ port: stack.ports.https, host, trust: root.stdout });
    expect(JSON.parse(answer.body)).toMatchObject({ app: "web" });
    expect(answer.headers["strict-transport-security"]).toBe("max-age=31536000");
  });

  test("a local name beside it keeps its local certificate", async () => {
    const answer = await request({ port: stack.ports.https, host: "home.localhost", trust: stack.authority });
    expect(JSON.parse(answer.body)).toMatchObject({ app: "home" });
  });

  test("the certificate survives a restart and a new container without asking again", async () => {
    const before = await untilServed();
    const issued = await issuedByPebble();
    expect(issued).toBeGreaterThan(0);
    await stack.compose("restart", "traefik");
    await stack.up();
    expect((await untilServed()).serialNumber).toBe(before.serialNumber);
    await stack.compose("up", "-d", "--force-recreate", "traefik");
    await stack.up();
    expect((await untilServed()).serialNumber).toBe(before.serialNumber);
    expect(await issuedByPebble()).toBe(issued);
  });

  test("the keys lie in a file that only Traefik's user can read", async () => {
    const { stdout } = await stack.exec("traefik", "stat", "-c", "%u %a %n", "/acme", "/acme/pebble_14000.json");
    expect(stdout).toMatch(/^65532 \d+ \/acme\n65532 600 \/acme\/pebble_14000\.json\n$/);
  });
});
