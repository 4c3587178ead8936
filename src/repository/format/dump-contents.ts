/**
 * The contents of a dumped database, stored as `parts/<number>.json.zst[.age]`: which table's rows lie where, and how
 * many they are. Names of schemas and tables may be secret, so they are sealed as the data is.
 *
 *     {"format":1,"dump":"20260301T020000Z-dump","number":1,"options":{…},"data":[
 *     {"dumpId":3456,"schema":"public","table":"orders","rows":1000,"rawBytes":98304,"object":"parts/00001.dump.zst.age","offsetBytes":20480,"lengthBytes":103309,"durationMs":12}
 *     ],"files":[
 *     {"name":"toc.dat","object":"parts/00001/data/00001.tar.zst.age","offsetBytes":512,"sizeBytes":40960}
 *     ]}
 *
 * Lines but the last of a list end in a comma, so that the whole is one JSON document.
 */
import { array, count, literal, nullable, object, text, textLike, type Parser } from './parse.ts'
import { dumpId, relativePath } from './values.ts'

export interface DumpContents {
  readonly dump: string
  /** The database's, as in `dump.json`. */
  readonly number: number
  readonly options: DumpSelection
  /** In the order in which they were dumped. */
  readonly data: readonly DumpedData[]
  /** Of the directory shape: the files that are no table's data. Empty for the custom shape. */
  readonly files: readonly DumpedFile[]
}

/** Patterns as pg_dump takes them. */
export interface DumpSelection {
  readonly schemas: readonly string[]
  readonly excludeSchemas: readonly string[]
  readonly tables: readonly string[]
  readonly excludeTables: readonly string[]
  readonly excludeTableData: readonly string[]
}

export interface DumpedData {
  /** Of the entry in the archive's table of contents. */
  readonly dumpId: number
  /** Null for large objects. */
  readonly schema: string | null
  readonly table: string | null
  /** Of large objects: how many there are. */
  readonly rows: number
  /** What COPY gave, or the bytes of the large objects. */
  readonly rawBytes: number
  readonly object: string
  /**
   * Where it lies among the raw bytes of the object. Custom shape: the whole data block, from its type byte to the end
   * of its last chunk. Directory shape: the file's bytes.
   */
  readonly offsetBytes: number
  readonly lengthBytes: number
  readonly durationMs: number
}

export interface DumpedFile {
  /** In the directory that pg_restore takes: `toc.dat`. */
  readonly name: string
  readonly object: string
  /** Where its bytes lie among the raw bytes of the object. */
  readonly offsetBytes: number
  readonly sizeBytes: number
}

const selection: Parser<DumpSelection> = object({
  schemas: array(text),
  excludeSchemas: array(text),
  tables: array(text),
  excludeTables: array(text),
  excludeTableData: array(text),
})

const head = object({ format: literal(1), dump: dumpId, number: count(1, 99_999), options: selection })

const data: Parser<DumpedData> = object({
  dumpId: count(1),
  schema: nullable(text),
  table: nullable(text),
  rows: count(),
  rawBytes: count(),
  object: relativePath,
  offsetBytes: count(),
  lengthBytes: count(),
  durationMs: count(),
})

const file: Parser<DumpedFile> = object({
  name: textLike(/^[A-Za-z0-9_][A-Za-z0-9_.]{0,99}$/, "a file's name"),
  object: relativePath,
  offsetBytes: count(),
  sizeBytes: count(),
})

const middle = '],"files":['
const end = ']}'

/** One line a time, each with its line feed. */
export function* encodeDumpContents({
  dump,
  number,
  options,
  data,
  files,
}: DumpContents): Generator<string, void, undefined> {
  yield `${JSON.stringify({ format: 1, dump, number, options }).slice(0, -1)},"data":[\n`
  yield* listed(data)
  yield `${middle}\n`
  yield* listed(files)
  yield `${end}\n`
}

function* listed(items: readonly object[]): Generator<string, void, undefined> {
  if (items.length === 0) yield '\n'
  for (const [i, item] of items.entries()) yield `${JSON.stringify(item)}${i < items.length - 1 ? ',' : ''}\n`
}

/** Takes the lines one by one, and says what is wrong with the first that is not as it should be. */
export class DumpContentsDecoder {
  #opening: Pick<DumpContents, 'dump' | 'number' | 'options'> | undefined
  #list: 'data' | 'files' | 'none' = 'data'
  readonly #data: DumpedData[] = []
  readonly #files: DumpedFile[] = []

  /** Without its line feed. Throws an Error, which the reader makes a fault that names the object. */
  take(line: string): void {
    if (line === '') return
    if (!this.#opening) this.#opening = openingOf(line)
    else if (this.#list === 'data' && line === middle) this.#list = 'files'
    else if (this.#list === 'files' && line === end) this.#list = 'none'
    else if (this.#list === 'data') this.#data.push(data(jsonOf(line), 'a line'))
    else if (this.#list === 'files') this.#files.push(file(jsonOf(line), 'a line'))
    else throw new Error('something follows its end')
  }

  end(): DumpContents {
    if (!this.#opening || this.#list !== 'none') throw new Error('it is cut off')
    return { ...this.#opening, data: this.#data, files: this.#files }
  }
}

const opened = ',"data":['

function openingOf(line: string): Pick<DumpContents, 'dump' | 'number' | 'options'> {
  if (!line.endsWith(opened)) throw new Error('it does not begin as contents of format 1')
  const { dump, number, options } = head(JSON.parse(`${line.slice(0, -opened.length)}}`), '')
  return { dump, number, options }
}

const jsonOf = (line: string): unknown => JSON.parse(line.endsWith(',') ? line.slice(0, -1) : line)
