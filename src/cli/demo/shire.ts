/** The users of the demo. The first one is the user in 1upHealth's own guide. */
export const users: readonly string[] = [
  ..."bilbo frodo samwise meriadoc peregrin rosie hamfast lobelia otho lotho".split(" "),
  ..."drogo primula esmeralda saradoc paladin eglantine pervinca pearl pimpernel estella".split(" "),
  ..."fredegar folco daisy griffo polo ponto porto prisca linda bodo".split(" "),
  ..."odo olo largo fosco dora dudo mungo belladonna bungo camellia".split(" "),
];
