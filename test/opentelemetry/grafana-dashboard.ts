/** Grafana's schema of a dashboard with the panels that ours has, as Grafana publishes it, for JSON. */
import type {
  FieldConfig as Lines,
  Options as TimeSeries,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
  Dashboard,
  FieldConfig,
  FieldConfigSource,
  Panel,
  RowPanel,
} from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";

/** Members of enumerations by their values. */
type AsJson<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: AsJson<T[K]> } : T;

/** A panel with the options of its kind, which the schema of a dashboard leaves open. */
type PanelOf<Type extends string, Options, Custom> = Omit<Panel, "type" | "options" | "fieldConfig"> & {
  type: Type;
  options: Options;
  fieldConfig: Omit<FieldConfigSource, "defaults"> & {
    defaults: Omit<FieldConfig, "custom"> & { custom?: Custom };
  };
};

/** See the top. */
export type GrafanaDashboard = AsJson<
  Omit<Dashboard, "panels"> & {
    panels: (PanelOf<"stat", Partial<Stat>, never> | PanelOf<"timeseries", TimeSeries, Lines> | RowPanel)[];
  }
>;
