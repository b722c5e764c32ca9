/** An id passes from one person to another, or its person leaves, while other processes have a token in memory. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { folder, scene, type Scene } from "../support/scene.ts";

interface TwoProcesses extends Scene {
  readonly one: Lifecycle;
  readonly other: Lifecycle;
}

/** Two people with 250 Observations each, whose tokens both processes have in memory. */
async function twoPeople(options: Parameters<Scene["open"]>[0] = {}): Promise<TwoProcesses> {
  const made = await scene({ limit: { calls: 1_000 } });
  const [one, other] = [await made.open(options), await made.open(options)];
  for (const id of ["ada", "cyd"]) {
    await one.onboard(id);
    made.sandbox.addResources(id, "r4", observationsOf(id));
    for (const process of [one, other]) await process.accessToken(id);
  }
  return { ...made, one, other };
}

function* observationsOf(id: string): Generator<string> {
  for (let number = 0; number < 250; number++)
    yield `{"resourceType":"Observation","status":"final","code":{"text":"of ${id}"}}`;
}

/** Gives ada's id to cyd. */
async function passOn(process: Lifecycle): Promise<void> {
  await process.rename("ada", "bob");
  await process.rename("cyd", "ada");
}

/** Whose Observations these are. */
function peopleIn(
  resources: readonly { readonly code?: { readonly text?: string | undefined } }[],
): readonly string[] {
  return [...new Set(resources.map(({ code }) => code?.text ?? ""))];
}

describe("a token in memory", () => {
  it("is that of the next person, seconds after another process has passed the id on", async () => {
    const { sandbox, one, other } = await twoPeople();
    const before = [await one.accessToken("ada"), await one.accessToken("cyd")];
    await passOn(other);
    sandbox.clock.advance(5_000);
    expect(await one.accessToken("ada")).toBe(before[1]);
    const { resources } = await one.fhir("ada", "r4").search("Observation");
    expect(peopleIn(resources)).toEqual(["of cyd"]);
    await expect(one.accessToken("cyd")).rejects.toMatchObject({ code: "RENAMED" });
  });

  it.each([
    ["offboarded", "USER_OFFBOARDED", (process: Lifecycle) => process.offboard("ada")],
    [
      "forgotten",
      "USER_UNKNOWN",
      async (process: Lifecycle) => {
        await process.offboard("ada");
        await process.forget("ada");
      },
    ],
    ["renamed", "RENAMED", (process: Lifecycle) => process.rename("ada", "bob")],
  ])("is gone, seconds after another process has %s its user", async (_, code, act) => {
    const { sandbox, one, other } = await twoPeople();
    await act(other);
    sandbox.clock.advance(5_000);
    await expect(one.accessToken("ada")).rejects.toMatchObject({ code });
    await expect(one.fhir("ada", "r4").search("Observation")).rejects.toMatchObject({ code });
  });

  it("is gone though the store takes longer to tell so than a call waits", async () => {
    let isSlow = false;
    const gates: (() => void)[] = [];
    const store = through(memory(), async (name, ask) => {
      if (name === "load" && isSlow) await new Promise<void>((resolve) => gates.push(resolve));
      return ask();
    });
    const { sandbox, one, other } = await twoPeople({ store });
    const token = await one.accessToken("ada");
    await other.offboard("ada");
    isSlow = true;
    sandbox.clock.advance(5_000);
    const late = one.accessToken("ada");
    await expect.poll(() => gates.length).toBe(1);
    sandbox.clock.advance(1_200);
    expect(await late).toBe(token);
    isSlow = false;
    for (const open of gates) open();
    await expect.poll(() => one.accessToken("ada").catch(({ code }) => code)).toBe("USER_OFFBOARDED");
  });

  it("is used until it is due for renewal while the store cannot be read, or does not answer", async () => {
    let trouble: "none" | "fails" | "hangs" = "none";
    const inner = memory();
    const store = through(inner, (name, ask) => {
      if (name !== "load" || trouble === "none") return ask();
      return trouble === "hangs" ? new Promise(() => {}) : Promise.reject(new Error("no network"));
    });
    const { sandbox, one } = await twoPeople({ store });
    const token = await one.accessToken("ada");
    for (const kind of ["fails", "hangs"] as const) {
      trouble = kind;
      sandbox.clock.advance(60_000);
      const got = one.accessToken("ada");
      for (let step = 0; step < 5; step++) {
        await new Promise((resolve) => setImmediate(resolve));
        sandbox.clock.advance(500);
      }
      expect(await got).toBe(token);
      expect(await one.accessToken("ada")).toBe(token); // without another look
    }
  });
});

describe("a FHIR client", () => {
  it("ends a walk whose id passes to another person in the middle", async () => {
    const { one } = await twoPeople();
    const seen: { code?: { text?: string | undefined } }[] = [];
    const walk = async (): Promise<void> => {
      for await (const resource of one.fhir("ada", "r4").searchAll("Observation", { _count: 50 })) {
        seen.push(resource);
        if (seen.length === 60) await passOn(one);
      }
    };
    await expect(walk()).rejects.toMatchObject({ code: "USER_CONFLICT", retryable: false });
    expect(peopleIn(seen)).toEqual(["of ada"]);
    expect(seen.length).toBeLessThan(250);
  });

  it.each(["user", "client"] as const)(
    "creates nothing for the person who has the id now, as the %s",
    async (as) => {
      const { one, sandbox } = await twoPeople();
      const fhir = one.fhir("ada", "r4", { as });
      await fhir.search("Observation");
      await passOn(one);
      const creating = fhir.create({ resourceType: "Patient" });
      await expect(creating).rejects.toMatchObject({ code: "USER_CONFLICT" });
      expect(sandbox.journal.count("fhir.create")).toBe(0);
      await one.fhir("ada", "r4", { as }).create({ resourceType: "Patient" });
    },
  );
});

describe("exportMany()", () => {
  const options = { name: "spring", versions: ["r4"], types: ["Observation"] } as const;

  /** Whose Observations are in the file of each user. */
  function peopleOf(path: string): Readonly<Record<string, readonly string[]>> {
    const users = readdirSync(path).filter((name) => name !== "export.json");
    return Object.fromEntries(
      users.map((user) => {
        const text = readFileSync(join(path, user, "r4.Observation.ndjson"), "utf8");
        return [
          user,
          peopleIn(
            text
              .trim()
              .split("\n")
              .map((line) => JSON.parse(line)),
          ),
        ];
      }),
    );
  }

  it("exports the person who has the id now, though a token of the one before is in memory", async () => {
    const { one, other } = await twoPeople();
    await passOn(other);
    const write = folder("export");
    expect(await one.exportMany(["ada"], { ...options, write })).toMatchObject({
      exported: 1,
      resources: 250,
    });
    const { oneupUserId } = await one.inspect("ada");
    expect(peopleOf(write)).toEqual({ [String(oneupUserId)]: ["of cyd"] });
  });
});
