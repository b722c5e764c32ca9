import { withSharedServer } from "../support/servers.ts";
import { conformance } from "./redis-conformance.ts";

withSharedServer("valkey", "adapters/redis on valkey", conformance);
