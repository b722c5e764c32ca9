import { draw } from "../support/effort.ts";
import { migrated } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { doubleClicks } from "./double-clicks.ts";

withSharedPostgres("processes on one PostgreSQL store", (place) => {
  doubleClicks(() => migrated(place()), draw);
});
