/** What a drill asks. The ids stay the same from drill to drill, so that answers can be compared. */
import type { Config } from '../../config/config.ts'
import type { Question } from './checklist.ts'

export const questionsOf = ({ assertions }: Pick<Config['drills'], 'assertions'>): readonly Question[] => [
  { id: 'target-reached', question: 'Recovery reached the target' },
  { id: 'databases-connect', question: 'Every database lets us connect' },
  { id: 'relations-present', question: 'All tables and indexes of the catalogues have their files' },
  { id: 'visibility-maps', question: 'Visibility maps are true' },
  { id: 'amcheck', question: 'Heaps and B-trees are sound (amcheck)' },
  { id: 'rows-dumped', question: 'Tables have the rows that the dump counted' },
  { id: 'rows-live', question: 'Tables have about as many rows as in the live server' },
  { id: 'rows-last-drill', question: 'Tables have lost no rows since the last drill' },
  ...Object.entries(assertions).map(([name, { database, sql }]) => ({
    id: `assertion:${name}`,
    question: `${name.replaceAll(/[-_]/g, ' ')}: ${sql} (in ${database})`,
  })),
  { id: 'application', question: 'The application works with it' },
  { id: 'page-checksums', question: 'All pages have the right checksum' },
  { id: 'nothing-left', question: 'Nothing is left behind' },
]
