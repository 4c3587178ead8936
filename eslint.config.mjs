/**
 * The house's rules that a linter can see. The layers, file lengths and the like are in test/house-rules.
 * Formatting is prettier's.
 */
import tseslint from 'typescript-eslint'

/** The few files that may touch the clock, chance, the environment or the process; all others are given them. */
const worldFiles = ['src/base/world.ts', 'src/base/process-identity.ts', 'src/main.ts', 'src/worker.ts']

const globalsOfTheWorld = [
  ['Date', 'now', 'Take the time from World.clock.'],
  ['Math', 'random', 'Take chance from World.randomBytes.'],
  ['process', 'env', 'The environment is given; only main.ts reads it.'],
  ['process', 'exit', 'Throw a Fault; only main.ts exits.'],
  ['process', 'argv', 'Only main.ts reads the command line.'],
].map(([object, property, message]) => ({ object, property, message }))

const timers = ['setTimeout', 'setInterval', 'setImmediate'].map(name => ({
  name,
  message: 'Sleep on World.clock.',
}))

const timerModules = ['timers', 'timers/promises'].flatMap(name =>
  [name, `node:${name}`].map(module => ({ name: module, message: 'Sleep on World.clock.' })),
)

const plainSyntax = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
  { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'Use a module.' },
  { selector: 'ExportAllDeclaration', message: 'Import from the file that defines it.' },
  { selector: 'ExportNamedDeclaration[source]', message: 'Import from the file that defines it.' },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Take the time from World.clock.',
  },
]

export default tseslint.config(
  { ignores: ['dist/', '**/node_modules/', 'coverage/', '**/*.as.ts', '**/*.generated.ts', 'bench/.data/'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: false }],
      // Arrow functions that hand on a void call are short and clear.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Text that is spread here is ASCII: digits, keys.
      '@typescript-eslint/no-misused-spread': [
        'error',
        { allow: [{ from: 'lib', name: 'string' }, 'string'] },
      ],
      // The port's methods are async generators and promises even where one driver has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-globals': ['error', ...timers],
      'no-restricted-imports': ['error', { paths: timerModules }],
      'no-restricted-properties': ['error', ...globalsOfTheWorld],
      'no-restricted-syntax': ['error', ...plainSyntax],
    },
  },
  {
    files: worldFiles,
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
    },
  },
  {
    // Tests and tools run real programs in real time.
    files: ['**/*.test.ts', 'test/**', 'bench/**', 'scripts/**', '*.config.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...plainSyntax.filter(({ selector }) => selector.startsWith('TS'))],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `jsonOf<Report>(run)` says what the test expects; the test then checks it.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `expect.stringMatching` and its like are of type any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // Declarations for what Node has and its types leave out; and files whose readers want a default export.
    files: ['**/*.d.ts', '*.config.ts'],
    rules: { 'no-restricted-syntax': 'off', '@typescript-eslint/no-extraneous-class': 'off' },
  },
  {
    files: ['**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-syntax': 'off', 'no-restricted-properties': 'off' },
  },
)
