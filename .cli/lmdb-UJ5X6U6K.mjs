import {
  lmdb
} from "./chunk-TGOAPOQ6.mjs";
import "./chunk-XRE227HE.mjs";
export {
  lmdb
};
