import {
  declared
} from "./chunk-KGIVB5SZ.mjs";
export {
  declared
};
