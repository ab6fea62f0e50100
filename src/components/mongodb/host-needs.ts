import type { Contribution } from "../component.ts";

const hint =
  "choose a machine with a newer processor (or, in a virtual one, the processor type `host`), or remove mongodb";

/** https://www.mongodb.com/docs/manual/administration/production-notes/ */
export function hostNeeds(): NonNullable<Contribution["hostNeeds"]> {
  return [
    {
      processor: ["avx"],
      architecture: "amd64",
      advisory: false,
      reason: "MongoDB since 5.0 is built for it and ends at once without (exit code 132)",
      hint,
    },
    {
      // Any of them tells of ARMv8.2-A.
      processor: ["fphp", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve"],
      architecture: "arm64",
      advisory: false,
      reason: "MongoDB since 5.0 is built for ARMv8.2-A and ends at once on older ones",
      hint,
    },
    {
      sysctl: "vm.max_map_count",
      minimum: 128_000,
      advisory: true,
      reason: "each connection maps memory, and the server ends where it may not map more",
    },
  ];
}
