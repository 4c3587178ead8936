/**
 * Who runs the server and Holdfast: oneself, or as root an unprivileged user that exists on this machine, since PostgreSQL
 * refuses to run as root.
 */
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Root acts for it. */
  readonly isBorrowed: boolean
}

/** Nobody has to have made a user `postgres`: every Linux has `nobody`, and at the worst any other user will do. */
export function chooseAccount(): Account {
  const { uid, gid, username } = userInfo()
  if (uid !== 0) return { name: username, uid, gid, isBorrowed: false }
  const accounts = readAccounts()
  const found =
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody') ??
    accounts.find(account => account.uid > 0)
  if (!found)
    throw new Error(
      'PostgreSQL refuses to run as root, and this machine has no other user: make one with `useradd demo`',
    )
  return found
}

/** initdb asks the system for its user's name, so a bare number would not do. */
function readAccounts(): readonly Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid), isBorrowed: true }))
    .filter(({ name, uid, gid }) => name !== '' && Number.isInteger(uid) && Number.isInteger(gid))
}
