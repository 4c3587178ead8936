/**
 * Properties draw the same cases each time, so that a change is judged by itself; HOLDFAST_TEST_SEED gives others
 * (`random`: new ones at each run). fast-check prints the seed of a failure.
 */
import fc from 'fast-check'

const given = process.env['HOLDFAST_TEST_SEED']
if (given !== 'random') fc.configureGlobal({ seed: Number(given ?? 20_260_301) })
