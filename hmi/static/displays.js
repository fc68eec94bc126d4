// Which values of a station kind its display shows first. A kind that is not named here gets a display
// from its metadata alone: its loops, then what has alarm limits, then everything else.

import { limitsOf, loopsOf, metaOf, tagsOf } from "./plant.js";

/** key: indicators of the overview and the display; spark: short courses; groups: all other values. */
const KINDS = {
  enclosure: {
    key: [
      { tag: "ENC.DP.ZONE", of: "ENC.L1", sp: "ENC.L1.WSP", low: -80, high: -20 },
      { tag: "ENC.O2", low: 17, high: 24 },
      { tag: "ENC.PRESS.PV", sp: "ENC.PRESS.SP", low: 0, high: 160 },
      { tag: "DHU.FAN.PV", of: "ENC.L2", sp: "DHU.FAN.SP" },
      { tag: "ENC.H2S", low: 0, high: 10 },
    ],
    spark: ["ENC.DP.ZONE", "DHU.TREG.PV", "DHU.FAN.PV"],
    mimic: "enclosure",
  },
  coater: {
    key: [
      { tag: "COAT.V.LINE", sp: "COAT.V.LINE.SP" },
      { tag: "COAT.FIBIDX", of: "COAT.L11", sp: "COAT.L11.WSP" },
      { tag: "COAT.LOAD.C", of: "COAT.L12", sp: "COAT.L12.WSP" },
      { tag: "COAT.TORQUE", of: "COAT.L8", low: 0, high: 100 },
      { tag: "COAT.TENS.FILM", sp: "COAT.TENS.FILM.SP", low: 0, high: 8 },
    ],
    spark: ["COAT.ENIP", "COAT.LOAD.C", "COAT.TORQUE"],
    mimic: "coater",
  },
  calender: {
    key: [
      { tag: "CAL.THK.C", of: "CAL.L16", sp: "CAL.L16.WSP", low: 60, high: 180 },
      { tag: "CAL.LOAD.PV", sp: "CAL.LOAD.SP", low: 0, high: 1300 },
      { tag: "CAL.V.PV", sp: "CAL.V.SP" },
      { tag: "CAL.TROLL.U", sp: "CAL.TROLL.SP" },
      { tag: "BUF.POS", of: "CAL.L17", sp: "CAL.L17.WSP" },
    ],
    spark: ["CAL.THK.C", "CAL.LOAD.PV", "BUF.POS"],
    mimic: "calender",
  },
};

/** What a station's display shows first; tags that this line does not have are left out. */
export function displayOf(station) {
  const made = KINDS[station.kind];
  const known = made && made.key.some((k) => metaOf(k.tag)?.s === station.name);
  if (!known) return fromMetadata(station);
  return {
    key: made.key.filter((k) => metaOf(k.tag)), spark: made.spark.filter((tag) => metaOf(tag)), mimic: made.mimic,
  };
}

/** A display for a kind that nobody has drawn. */
export function fromMetadata(station) {
  const loops = loopsOf(station).filter((loop) => loop.pv).map((loop) => ({ tag: loop.pv, of: loop.name, sp: loop.wsp }));
  const limited = measuredTags(station.name)
    .filter((tag) => Object.keys(limitsOf(tag.n)).length && !loops.some((l) => l.tag === tag.n))
    .map((tag) => ({ tag: tag.n }));
  const key = [...loops, ...limited].slice(0, 6);
  const first = key.length ? key : measuredTags(station.name).slice(0, 6).map((tag) => ({ tag: tag.n }));
  return { key: first, spark: first.slice(0, 3).map((k) => k.tag), mimic: "" };
}

const OWN = /\.(SERVICE|SCAN|LINK|RUN|SET|INTERLOCK)\.|\.(RB|HEART|BOOT|MAP|SEQ|REJECTS|WSP|OP|MODE|STATUS)$|\.L\d+\.SP$/;

/** What the instruments of a station say: no set points, nothing of the controller itself. */
export function measuredTags(station) {
  return tagsOf(station).filter((tag) => !OWN.test(tag.n) && !tag.n.endsWith(".SP") && tag.k === "real");
}

/** Switches and words of a station: doors, permits, modes. */
export function switchTags(station) {
  return tagsOf(station).filter((tag) => !OWN.test(tag.n) && tag.k !== "real" && !tag.n.endsWith(".CMD") && !tag.n.endsWith(".RESET"));
}
