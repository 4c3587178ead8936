/** Takes out of a command line what looks like a secret, before it is shown: it may have been written there by hand. */

/** `AWS_SECRET_ACCESS_KEY=…`, `--password=…`; what is quoted goes to the end of the quotes. */
const assignment =
  /([\w-]*(?:secret|passw|pwd|token|key|credential|sas)[\w-]*=)("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s'"\\;&|]|\\.)+)/gi
const userInfo = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@'"]+@/gi

export function maskSecrets(command: string): string {
  return command.replace(assignment, '$1***').replace(userInfo, '$1***@')
}
