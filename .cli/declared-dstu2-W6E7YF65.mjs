import {
  declared
} from "./chunk-JIPZ4WDV.mjs";
export {
  declared
};
