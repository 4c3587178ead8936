/** The process of a wire: `wire-process.ts PORT ROUND_TRIP_MS`; tells its own port, and ends with who started it. */
import { openDelayProxy } from '../../test/support/delay-proxy.ts'

const [port, roundTripMs] = process.argv.slice(2).map(Number)
if (port === undefined || roundTripMs === undefined) throw new Error('wire-process.ts PORT ROUND_TRIP_MS')
const proxy = await openDelayProxy({ host: '127.0.0.1', port, roundTripMs })
process.once('disconnect', () => process.exit())
process.send?.(proxy.port)
