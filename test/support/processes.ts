/** The processes of this machine, and what can be told of one from outside. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";

/** One process. */
export interface Running {
  readonly pid: number;
  readonly parent: number;
  /** A letter of `ps`: `R` runs, `S` sleeps, `T` was stopped, `Z` is over. */
  readonly state: string;
  readonly command: string;
  /** Where in the system's own code it waits, if the system tells. */
  readonly waitsIn: string;
  readonly isNode: boolean;
}

const onLinux = process.platform === "linux";

/** All below `root`, parents first. */
export function descendantsOf(root: number): readonly Running[] {
  const all = onLinux ? fromProc() : fromPs();
  const below = (parent: number): readonly Running[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  return below(root);
}

function fromProc(): readonly Running[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    const stat = textOf(`/proc/${name}/stat`);
    const [state = "?", parent = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat === "") return []; // it ended meanwhile
    return {
      pid: Number(name),
      parent: Number(parent),
      state,
      command: textOf(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim(),
      waitsIn: textOf(`/proc/${name}/wchan`),
      isNode: basename(linkOf(`/proc/${name}/exe`)) === "node",
    };
  });
}

function fromPs(): readonly Running[] {
  const lines = execFileSync("ps", ["-Ao", "pid=,ppid=,state=,command="], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => {
    const [, pid, parent, state = "?", command = ""] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    const isNode = basename(command.split(" ")[0] ?? "") === "node";
    return { pid: Number(pid), parent: Number(parent), state, command, waitsIn: "", isNode };
  });
}

/** The ports on which a process takes connections. */
export function portsOf(pid: number): readonly number[] {
  if (!onLinux) {
    const words = ["-nP", "-a", "-iTCP", "-sTCP:LISTEN", "-p", String(pid), "-Fn"];
    const said = execFileSync("lsof", words, { encoding: "utf8" });
    return [...said.matchAll(/:(\d+)$/gm)].map(([, port]) => Number(port));
  }
  const links = namesIn(`/proc/${pid}/fd`).map((name) => linkOf(`/proc/${pid}/fd/${name}`));
  const sockets = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]));
  const rows = textOf(`/proc/${pid}/net/tcp`).split("\n").slice(1);
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , , , socket] = row.trim().split(/\s+/);
    const listens = state === "0A" && sockets.has(socket);
    return listens ? [Number.parseInt(local.split(":")[1] ?? "", 16)] : [];
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
