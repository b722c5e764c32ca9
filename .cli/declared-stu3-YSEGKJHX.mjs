import {
  declared
} from "./chunk-DHSNOQSK.mjs";
export {
  declared
};
