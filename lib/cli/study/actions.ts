/** What `lrdist study` does, by action. */
import { trialDistribution } from '../../pair-search/trial-distribution.ts';
import { trialTable } from '../../pair-search/trial-table.ts';
import { toDocument, writeRatesFile } from '../../rates/file.ts';
import { alignColumns, renderTable } from '../../rates/table.ts';
import { formatTrialTable } from '../../rates/trial-table.ts';
import { writeText } from '../../rates/write-text.ts';
import { LrdistError } from '../../errors.ts';
import { parameterImportance } from '../../search/importance.ts';
import { openStorage } from '../../search/storage/open.ts';
import { exportOptuna } from '../../search/storage/optuna-export.ts';
import { importOptuna } from '../../search/storage/optuna-import.ts';
import type { Storage, StoredStudy } from '../../search/storage/storage.ts';
import type { Trial } from '../../search/trial.ts';
import { exists } from '../../train/files.ts';
import type { Output } from '../output.ts';
import { invalid } from '../search/reading.ts';
import { trialRecord } from '../search/results.ts';
import { givenAddress, openExisting, studyOf } from '../search/storage.ts';
import type { StudyArguments } from './options.ts';
import { countStates, countsText, isFlat, ranked } from './ranking.ts';
import { score, trialsText } from './trials-text.ts';

export interface Action {
  /** Options besides --storage. */
  readonly options: readonly (keyof StudyArguments)[];
  readonly run: (args: StudyArguments, output: Output) => Promise<void>;
}

export const actions: Readonly<Record<string, Action>> = {
  list: { options: [], run: list },
  show: { options: ['study', 'top'], run: show },
  export: { options: ['study', 'format', 'output', 'overwrite_output'], run: exportStudy },
  import: { options: ['file', 'study', 'name'], run: importStudy },
  delete: { options: ['study', 'yes'], run: deleteStudy },
  best: { options: ['study', 'output', 'overwrite_output'], run: best },
  importance: { options: ['study'], run: importance },
};

async function withStorage<T>(args: StudyArguments, use: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await openExisting({ ...args });
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

function withStudy(
  args: StudyArguments,
  use: (study: StoredStudy, trials: readonly Trial[], storage: Storage) => Promise<void>,
): Promise<void> {
  return withStorage(args, async (storage) => {
    const study = await studyOf(storage, args.study);
    await use(study, await storage.trials(study.id), storage);
  });
}

function list(args: StudyArguments, output: Output): Promise<void> {
  return withStorage(args, async (storage) => {
    const studies = await storage.listStudies();
    const rows = await Promise.all(
      studies.map(async ({ id, name, created, objectives }) => {
        const trials = await storage.trials(id);
        const found = (await storage.findStudy(name))!;
        return {
          study: name,
          created: new Date(created).toISOString(),
          trials: countStates(trials),
          objectives,
          best: ranked(found, trials)[0]?.values ?? null,
        };
      }),
    );
    output.result({ storage: storage.address, studies: rows }, () =>
      rows.length === 0
        ? `no study in ${storage.address}`
        : alignColumns(
            [
              ['study', 'begun', 'trials', 'objectives', 'best'],
              ...rows.map(({ study, created, trials, objectives, best: values }) => [
                study,
                created.slice(0, 16).replace('T', ' '),
                countsText(trials),
                objectives.join(', '),
                values === null ? '-' : values.map(score).join('/'),
              ]),
            ],
            [false, false, false, false, true],
          ),
    );
  });
}

function show(args: StudyArguments, output: Output): Promise<void> {
  return withStudy(args, async (study, trials, storage) => {
    const { top } = args;
    if (top !== undefined && !(Number.isSafeInteger(top) && top >= 1))
      throw invalid(`--top: expected a whole number from 1, received ${top}`);
    const shown = top === undefined ? trials : ranked(study, trials).slice(0, top);
    const { name, objectives, space, seed, maxStep, protocol } = study;
    const document = {
      study: name,
      storage: storage.address,
      objectives,
      space,
      seed,
      max_step: maxStep,
      protocol,
      trials: shown.map((trial) => ({ ...trialRecord(study, trial), error: trial.error, reports: trial.reports })),
    };
    output.result(document, () => {
      const errors = shown.flatMap(({ number, error }) =>
        error === null ? [] : [`trial ${number}: ${error.split('\n')[0]}`],
      );
      return [
        `${name}: ${countsText(countStates(trials))}`,
        ...(shown.length === 0 ? [] : ['', trialsText(study, shown)]),
        ...(errors.length === 0 ? [] : ['', ...errors]),
      ].join('\n');
    });
  });
}

function exportStudy(args: StudyArguments, output: Output): Promise<void> {
  return withStudy(args, async (study, trials, storage) => {
    const { output: path, overwrite_output: overwrite = false } = args;
    const format = args.format ?? formatOf(path);
    if (path !== undefined) await requireNew(path, overwrite);
    if (format === 'optuna-journal') {
      if (path === undefined) throw invalid('--output is missing', 'Give the journal a name: --output study.log');
      const count = await exportOptuna(storage, study.name, path, { overwrite });
      output.result({ study: study.name, format, output: path, trials: count }, `wrote ${count} trials to ${path}`);
      return;
    }
    const table = trialTable(study, trials);
    const text = formatTrialTable(table, format);
    if (path === undefined) {
      output.result({ study: study.name, format, table: text }, text);
      return;
    }
    await writeText(path, text, 'trial table');
    output.result(
      { study: study.name, format, output: path, trials: table.rows.length },
      `wrote ${table.rows.length} trials to ${path}`,
    );
  });
}

function formatOf(path: string | undefined): NonNullable<StudyArguments['format']> {
  const ending = /\.([a-z]+)$/i.exec(path ?? '')?.[1]?.toLowerCase();
  if (ending === 'log' || ending === 'journal') return 'optuna-journal';
  if (ending === 'jsonl' || ending === 'ndjson' || ending === 'json') return 'jsonl';
  return ending === 'tsv' ? 'tsv' : 'csv';
}

async function importStudy(args: StudyArguments, output: Output): Promise<void> {
  if (args.file === undefined)
    throw invalid('study import: the file is missing', 'lrdist study import study.log --storage lrdist-search.db');
  const address = givenAddress({ ...args });
  if (address === undefined)
    throw invalid('--storage is missing', 'Name the storage to import into, such as --storage lrdist-search.db');
  const storage = await openStorage(address);
  try {
    const { study, trials, skipped } = await importOptuna(args.file, storage, {
      ...(args.study === undefined ? {} : { study: args.study }),
      ...(args.name === undefined ? {} : { name: args.name }),
    });
    const note = skipped === 0 ? '' : `; ${skipped} left out, which had not finished or lacked parameters`;
    output.result(
      { study: study.name, storage: storage.address, trials, skipped },
      `${study.name}: ${trials} trials${note}`,
    );
  } finally {
    await storage.close();
  }
}

function deleteStudy(args: StudyArguments, output: Output): Promise<void> {
  if (args.study === undefined) throw invalid('--study is missing', 'Name the study to delete.');
  return withStudy(args, async (study, trials, storage) => {
    if (args.yes !== true)
      throw invalid(`"${study.name}" has ${countsText(countStates(trials))}`, 'Add --yes to delete it for good.');
    await storage.deleteStudy(study.name);
    output.result(
      { study: study.name, deleted: true, trials: trials.length },
      `deleted ${study.name} with ${trials.length} trials`,
    );
  });
}

function best(args: StudyArguments, output: Output): Promise<void> {
  return withStudy(args, async (study, trials) => {
    const { output: path, overwrite_output: overwrite = false } = args;
    const order = ranked(study, trials);
    const [first] = order;
    if (first === undefined)
      throw new LrdistError('ERR_STUDY_NOT_FOUND', `no trial of "${study.name}" has ended well yet`, {
        remedy: `It has ${countsText(countStates(trials))}.`,
      });
    const distribution = Array.isArray(study.protocol['groups']) ? trialDistribution(study, first) : undefined;
    if (path !== undefined) {
      await requireNew(path, overwrite);
      if (distribution === undefined)
        throw invalid(`"${study.name}" is no search of rates: there is no rates file to write`);
      await writeRatesFile(path, distribution);
      output.note(`wrote ${path}`);
    }
    const flat = order.find(isFlat);
    const document = {
      study: study.name,
      ...trialRecord(study, first),
      rates_file: distribution === undefined ? null : toDocument(distribution),
      best_flat: flat === undefined ? null : trialRecord(study, flat),
    };
    output.result(document, () => {
      const shown = flat === undefined || flat === first ? [first] : [first, flat];
      return [
        trialsText(study, shown),
        ...(distribution === undefined ? [] : ['', renderTable(distribution).trimEnd()]),
      ].join('\n');
    });
  });
}

function importance(args: StudyArguments, output: Output): Promise<void> {
  return withStudy(args, async (study, trials) => {
    const found = parameterImportance(trials, study.space, study.directions);
    const { complete } = countStates(trials);
    output.result({ study: study.name, complete_trials: complete, importance: found }, () =>
      [
        `what distinguishes the best tenth of ${complete} complete trials of ${study.name}:`,
        alignColumns(
          found.map(({ name, importance: share }) => [
            name,
            `${(100 * share).toFixed(0)} %`,
            '█'.repeat(Math.round(30 * share)),
          ]),
          [false, true, false],
        ),
      ].join('\n'),
    );
  });
}

async function requireNew(path: string, overwrite: boolean): Promise<void> {
  if (!overwrite && (await exists(path)))
    throw invalid(`${path} is there already`, 'Choose another name, or add --overwrite_output.');
}
