/** What is shipped for Prometheus and Grafana asks for metrics and labels that exist, and Prometheus' own program takes it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricCatalogue, type MetricName } from '../src/policy/metrics/catalogue.ts'
import { hasPromtool, promtool } from './support/promtool.ts'

const deploy = fileURLToPath(new URL('../deploy', import.meta.url))
const textOf = (path: string): string => readFileSync(join(deploy, path), 'utf8')

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly annotations: Readonly<Record<string, string>>
    }[]
  }[]
}
interface Board {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}

const rules = (parse(textOf('prometheus/holdfast.rules.yml')) as Rules).groups.flatMap(group => group.rules)
const board = JSON.parse(textOf('grafana/holdfast.json')) as Board
const boardExpressions = board.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr }) => [title, expr] as const),
)

/** Metrics, and labels of selectors, that the catalogue does not have. */
function unknownIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\b(holdfast_[a-z_]+)(?:\{([^}]*)\})?/g)].flatMap(
    ([, name = '', selector = '']) => {
      const metric = metricCatalogue[name as MetricName] as (typeof metricCatalogue)[MetricName] | undefined
      if (!metric) return [name]
      const labels = [...selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)
      return labels
        .filter(label => label !== 'cluster' && !metric.labels.includes(label))
        .map(label => `${name}{${label}}`)
    },
  )
}

describe('the rules of alerts', () => {
  test.each(rules.map(({ alert, expr }) => [alert, expr] as const))('%s asks for what is told', (_, expr) => {
    expect(expr).toContain('holdfast_')
    expect(unknownIn(expr)).toEqual([])
  })

  test.each(rules.map(({ alert, annotations }) => [alert, annotations] as const))(
    '%s says what it is, what to do, and where more is written',
    (_, { summary = '', description = '', runbook = '' }) => {
      expect([summary, description].every(text => text !== '')).toBe(true)
      expect(readFileSync(join(deploy, '..', runbook), 'utf8')).toMatch(/^# /)
    },
  )

  test.runIf(hasPromtool)('are right, and fire when they should, as Prometheus sees it', () => {
    expect(promtool(['check', 'rules', join(deploy, 'prometheus/holdfast.rules.yml')])).toBe('')
    expect(promtool(['test', 'rules', join(deploy, 'prometheus/holdfast.rules.test.yml')])).toBe('')
  })
})

describe('the board', () => {
  test.each(boardExpressions)('%s shows what is told: %s', (_, expr) => {
    expect(expr).toContain('holdfast_')
    expect(unknownIn(expr)).toEqual([])
  })

  test('lets one choose by what is told', () => {
    const definitions = board.templating.list.flatMap(({ definition }) => definition ?? [])
    expect(definitions.length).toBeGreaterThan(0)
    expect(definitions.flatMap(unknownIn)).toEqual([])
  })
})
