import { readFileSync, readdirSync } from "node:fs";
import { Client } from "pg";
import { startProvider } from "./provider.ts";
import { postgres } from "./product.ts";
import { durableSide } from "./sides.ts";
import { round } from "./rounds.ts";
const url = process.env["PGTRY"] ?? "postgres://postgres@127.0.0.1:15999/postgres";
const loops = Number(process.env["LOOPS"] ?? 128);
const db = new Client({ connectionString: url });
await db.connect();
if (process.env["FRESH"]) await db.query("drop schema if exists bench cascade");
const store = postgres(url, { schema: "bench" });
await store.migrate();
const provider = await startProvider(Number(process.env["LATENCY"] ?? 0));
const side = await durableSide(provider.url, { store, encryption: { keys: ["0f".repeat(32)] } });
let users = Date.now();
const postmaster = Number(readFileSync("/tmp/pgdev/pid", "utf8"));
function pgCpu(): { b: number; o: number } {
  let b = 0,
    o = 0;
  for (const p of readdirSync("/proc")) {
    if (!/^\d+$/.test(p)) continue;
    try {
      const st = readFileSync(`/proc/${p}/stat`, "utf8");
      const f = st.slice(st.lastIndexOf(")") + 2).split(" ");
      if (Number(f[1]) !== postmaster) continue;
      const cmd = readFileSync(`/proc/${p}/cmdline`, "utf8");
      const t = (Number(f[11]) + Number(f[12])) * 10_000;
      if (/127\.0\.0\.1/.test(cmd)) b += t;
      else o += t;
    } catch {}
  }
  return { b, o };
}
for (let n = 0; n < Number(process.env["ROUNDS"] ?? 4); n++) {
  const c0 = pgCpu();
  const t0 = performance.now();
  const x0 = Number(
    (await db.query("select xact_commit from pg_stat_database where datname=current_database()")).rows[0]
      .xact_commit,
  );
  let all = 0;
  const r = await round(
    async () => {
      await side.onboard(`user-${++users}@example.org`);
      all++;
    },
    loops,
    { rampMs: 500, roundMs: 3000 },
  );
  await new Promise((r) => setTimeout(r, 300));
  const x1 = Number(
    (await db.query("select xact_commit from pg_stat_database where datname=current_database()")).rows[0]
      .xact_commit,
  );
  const c1 = pgCpu();
  console.log(
    r.perSecond.toFixed(0),
    "users/s; client",
    r.cpuMicros.toFixed(0),
    "µs; backends",
    ((c1.b - c0.b) / all).toFixed(0),
    "µs/user; other",
    ((c1.o - c0.o) / all).toFixed(0),
    "tx/user",
    ((x1 - x0) / all).toFixed(3),
    "wall",
    (performance.now() - t0).toFixed(0),
    all,
  );
}
await side.close();
await provider.close();
await db.end();
