import { describe, expect, it } from "vitest";
import { isPublicAddress, isPublicHost, publicLookup } from "../../src/http/streaming/public-address.ts";

describe("isPublicAddress()", () => {
  it.each(["8.8.8.8", "52.216.0.1", "2600:1f18::1", "2a00:1450:4001::1"])("takes %s", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
  it.each(
    (
      "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 " +
      "192.0.2.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1 " +
      "64:ff9b::a00:1 fc00::1 fd12::1 fe80::1 ff02::1 2001:db8::1 2002:a00:1:: x"
    ).split(" "),
  )("refuses %s", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

it("isPublicHost() refuses names of this machine and its neighbours", () => {
  for (const host of [
    "localhost",
    "a.localhost",
    "printer.local",
    "metadata.google.internal",
    "db",
    "a.lan.",
    "[::1]",
  ])
    expect([host, isPublicHost(host)]).toEqual([host, false]);
  for (const host of ["files.example.org", "s3.amazonaws.com.", "[2600::1]", "8.8.8.8"])
    expect([host, isPublicHost(host)]).toEqual([host, true]);
});

it("publicLookup() fails for a name that leads to this machine, in both forms", async () => {
  for (const all of [true, false]) {
    const error = await new Promise((resolve) =>
      publicLookup("localhost", { all }, (error) => resolve(error)),
    );
    expect(error).toMatchObject({ code: "ADDRESS_NOT_PUBLIC" });
  }
});
