import { thorough } from "../support/effort.ts";
import { migrated, type Place } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { patient, sweeps, workersToo } from "./crash-sweep.ts";

withSharedPostgres(
  "on PostgreSQL, a process that is killed",
  (place) => {
    const schema = (): Promise<Place> => migrated({ ...place(), ...patient });
    sweeps(schema);
    if (thorough) workersToo(schema);
  },
  true,
);
