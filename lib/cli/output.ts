import { isLrdistError, type ErrorCode } from '../errors.ts';

/** Exit codes of the program. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

const usageCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_INVALID_OPTION',
  'ERR_UNKNOWN_OPTION',
  'ERR_CONFIG_FILE',
]);

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Output {
  /** Whether --json was given. */
  readonly json: boolean;
  /** Whether progress is wanted. */
  readonly progress: boolean;
  readonly stderr: Stream;
  /** The command's result, once: `document` with --json, else the text. */
  readonly result: (document: unknown, text: string | (() => string)) => void;
  /** Advice, to standard error. */
  readonly note: (text: string) => void;
}

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly stdout?: Stream;
  readonly stderr?: Stream;
}

export function createOutput({
  json = false,
  quiet = false,
  stdout = process.stdout,
  stderr = process.stderr,
}: OutputOptions = {}): Output {
  return {
    json,
    progress: !quiet,
    stderr,
    result: (document, text) =>
      void stdout.write(ended(json ? toJson(document) : typeof text === 'string' ? text : text())),
    note: (text) => void stderr.write(ended(text)),
  };
}

/** JSON as Hugging Face writes its result files, four spaces; numbers that JSON does not know become null. */
export function toJson(document: unknown): string {
  return JSON.stringify(document, null, 4);
}

/** Prints an error: one JSON document on standard output with --json, else text on standard error. */
export function reportError(
  error: unknown,
  { json = false, stdout = process.stdout, stderr = process.stderr }: OutputOptions = {},
): void {
  const { code, message, remedy } = describeError(error);
  if (json) stdout.write(ended(toJson({ error: { code, message, ...(remedy === undefined ? {} : { remedy }) } })));
  else stderr.write(ended(`lrdist: ${message}${remedy === undefined ? '' : `\n${remedy}`}\n(${code})`));
}

/** 2 for what the user asked wrongly, else 1. */
export function exitCodeOf(error: unknown): number {
  return usageCodes.has(describeError(error).code) ? EXIT.usage : EXIT.failed;
}

function describeError(error: unknown): { code: string; message: string; remedy: string | undefined } {
  if (isLrdistError(error)) return { code: error.code, message: error.message, remedy: error.remedy };
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    // Without a code of ours it is a fault in lrdist: the stack says where.
    if (typeof code === 'string') return { code, message: error.message, remedy: undefined };
    return { code: 'ERR_UNEXPECTED', message: error.stack ?? error.message, remedy: undefined };
  }
  return { code: 'ERR_UNEXPECTED', message: String(error), remedy: undefined };
}

/** A reader that goes away (`| head`) must not end a training run: writes to a closed pipe are dropped. */
export function ignoreClosedPipes(streams: readonly NodeJS.WriteStream[] = [process.stdout, process.stderr]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
