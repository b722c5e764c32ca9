/**
 * Addresses and names of the public Internet. A link that another server chose may lead only there: behind all others
 * are this machine, its neighbours, or the metadata of a cloud.
 *
 * @module
 */
import type { LookupOptions } from "node:dns";
import { BlockList, isIP } from "node:net";
import { type Found, sharedLookup } from "./shared-lookup.ts";

/**
 * Networks that are not public (IANA special-purpose address registries), also those that wrap an IPv4 address. Lists of
 * their own, because IPv4 addresses match `::ffff:0:0/96`.
 */
const special = {
  ipv4: lazily(
    "ipv4",
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 " +
      "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3",
  ),
  ipv6: lazily(
    "ipv6",
    "::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 " +
      "fec0::/10 ff00::/8",
  ),
};

/** Made when it is asked for. */
function lazily(family: "ipv4" | "ipv6", networks: string): () => BlockList {
  let list: BlockList | undefined;
  return () => {
    if (list !== undefined) return list;
    list = new BlockList();
    for (const network of networks.split(" ")) {
      const [address = "", bits = ""] = network.split("/");
      list.addSubnet(address, Number(bits), family);
    }
    return list;
  };
}

/** Whether an IP address is public. */
export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  const family = kind === 4 ? "ipv4" : "ipv6";
  return kind !== 0 && !special[family]().check(address, family);
}

/** Whether a host (as in `URL.hostname`) is a public address, or a name that may have one. */
export function isPublicHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return isPublicAddress(bare);
  const name = bare.replace(/\.$/, "").toLowerCase();
  return (
    name.includes(".") &&
    !/\.(localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)$/.test(name)
  );
}

/** {@link sharedLookup} that fails for a name with an address that is not public: names are checked when they are used. */
export function publicLookup(name: string, options: LookupOptions, found: Found): void {
  sharedLookup(name, options, (error, address, family) => {
    if (error !== null) return found(error, address, family);
    const addresses = Array.isArray(address) ? address.map((one) => one.address) : [address];
    if (addresses.every(isPublicAddress)) return found(null, address, family);
    found(
      Object.assign(new Error("the address is not public"), { code: "ADDRESS_NOT_PUBLIC" }),
      address,
      family,
    );
  });
}
