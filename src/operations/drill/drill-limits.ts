/** The bounds of drills, beside those of base/limits.ts. */

export const drillLimits = {
  /** Of each answer: so many lines, each so long. */
  evidenceLinesMax: 50,
  evidenceCharsMax: 500,
  /** Of one database, so many tables are counted, taken by chance. */
  rowCountsMax: 10_000,
  /** Of one database, so many relations are looked at by one question, likewise. */
  relationsMax: 200_000,
  /** Relations of a catalogue are read in pages of so many. */
  cataloguePage: 10_000,
} as const
