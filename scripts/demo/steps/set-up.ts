/** A new server, and Holdfast set up for it. */
import { makeCluster, connectionString, startServer, stopServer } from '../server.ts'
import type { Scene } from '../story.ts'

export async function setUp({ stage, tell, holdfast, signal }: Scene): Promise<void> {
  tell.step('A PostgreSQL server, and Holdfast for it')
  tell.say(
    'A new, empty server is started. `holdfast init` makes a configuration, a repository in a folder and a pair of keys, and with --apply it sets archive_command in PostgreSQL.',
  )
  await tell.during('making a server', makeCluster(stage, signal))
  await startServer(stage, signal)
  const init = ['init', '--cluster', 'shop', '--connection', connectionString(stage)]
  const place = ['--repository', `file://${stage.at('backups')}`]
  const { out } = await holdfast([...init, ...place, '--apply', '--yes'], {
    doing: 'setting up',
    show: shortSheet,
  })
  tell.check('a recovery sheet with the secret key was shown', /AGE-SECRET-KEY-1[A-Z0-9]{50,}/.test(out))
  tell.say('This key is thrown away with the demo. Yours you print, and keep away from the server.')

  tell.command('pg_ctl restart')
  await stopServer(stage.at('data'))
  await startServer(stage, signal)
  await holdfast(['doctor'], { doing: 'looking at everything', show: shortFindings })
}

/** The sheet explains itself at length; here its facts are enough. */
function shortSheet(out: string): string {
  const [before = '', , sheet = '', after = ''] = out.split(/^=+\n/m)
  const facts = sheet.split('\n\n')[0] ?? ''
  const settings = after.split(/^Next:/m)[0] ?? ''
  return `${before}RECOVERY SHEET\n${facts}\n  …\n${settings.trimEnd()}`
}

/** What is as it should be is only counted. */
function shortFindings(out: string): string {
  const lines = out.split('\n')
  const isOk = (line: string): boolean => /^.{15}ok /.test(line)
  const rest = lines.filter(line => !isOk(line)).join('\n')
  return `${String(lines.filter(isOk).length)} things were looked at and found ok${rest.replace(/^\n*/, '\n')}`
}
