/** Which Holdfast this is, as `backup.json` and `--version` say it. */
import manifest from '../../package.json' with { type: 'json' }

export const version: string = manifest.version

/** `holdfast 0.1.0`. */
export const toolName = `holdfast ${version}`
