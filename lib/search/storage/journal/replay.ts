import type { Json } from '../../trial.ts';
import { type Distribution, externalValue } from './distributions.ts';
import { type Line, op } from './lines.ts';

type Attributes = Readonly<Record<string, Json>>;

/** A trial in Optuna's terms. Replaced when it changes. */
export interface OptunaTrial {
  readonly number: number;
  readonly state: number;
  readonly params: Attributes;
  readonly distributions: Readonly<Record<string, Distribution>>;
  readonly userAttributes: Attributes;
  readonly systemAttributes: Attributes;
  /** By step. */
  readonly intermediate: Readonly<Record<string, number | null>>;
  readonly values: readonly (number | null)[] | null;
  readonly start: string | null;
  readonly complete: string | null;
}

export interface OptunaStudy {
  readonly id: number;
  readonly name: string;
  /** 1 = minimise, 2 = maximise. */
  readonly directions: readonly number[];
  userAttributes: Attributes;
  systemAttributes: Attributes;
  /** By number. */
  readonly trials: OptunaTrial[];
  /** By number: the id by which lines name the trial. */
  readonly trialIds: number[];
}

/** Optuna's numbers of states. */
export const stateCodes = { running: 0, complete: 1, pruned: 2, failed: 3, waiting: 4 } as const;

/** What the lines of a journal amount to. Ids are not written: studies and trials are counted in the order of the lines, over the whole file. */
export class Replay {
  readonly studies = new Map<number, OptunaStudy>();
  readonly #trials: { readonly study: OptunaStudy; readonly number: number }[] = [];
  /** The id of the study that is created next. */
  nextStudy = 0;

  named(name: string): OptunaStudy | undefined {
    return [...this.studies.values()].find((study) => study.name === name);
  }

  apply(line: Line): void {
    switch (line.op_code) {
      case op.createStudy:
        return this.#createStudy(line);
      case op.deleteStudy:
        this.studies.delete(line.study_id);
        return;
      case op.studyUserAttribute:
        return this.#changeStudy(line.study_id, (study) => {
          study.userAttributes = { ...study.userAttributes, ...line.user_attr };
        });
      case op.studySystemAttribute:
        return this.#changeStudy(line.study_id, (study) => {
          study.systemAttributes = { ...study.systemAttributes, ...line.system_attr };
        });
      case op.createTrial:
        return this.#createTrial(line);
      case op.trialParameter:
        return this.#change(line.trial_id, (trial) => {
          const value = externalValue(line.distribution, line.param_value_internal);
          return {
            ...trial,
            distributions: { ...trial.distributions, [line.param_name]: line.distribution },
            params: { ...trial.params, [line.param_name]: value },
          };
        });
      case op.trialState:
        return this.#change(line.trial_id, (trial) => changedState(trial, line));
      case op.trialIntermediate:
        return this.#change(line.trial_id, (trial) => ({
          ...trial,
          intermediate: { ...trial.intermediate, [line.step]: line.intermediate_value },
        }));
      case op.trialUserAttribute:
        return this.#change(line.trial_id, (trial) => ({
          ...trial,
          userAttributes: { ...trial.userAttributes, ...line.user_attr },
        }));
      case op.trialSystemAttribute:
        return this.#change(line.trial_id, (trial) => ({
          ...trial,
          systemAttributes: { ...trial.systemAttributes, ...line.system_attr },
        }));
      case op.discardTrials:
        return; // Optuna passes over it, too.
    }
  }

  #createStudy({ study_name: name, directions }: Extract<Line, { op_code: typeof op.createStudy }>): void {
    if (this.named(name) !== undefined) return;
    const id = this.nextStudy++;
    this.studies.set(id, { id, name, directions, userAttributes: {}, systemAttributes: {}, trials: [], trialIds: [] });
  }

  #changeStudy(id: number, change: (study: OptunaStudy) => void): void {
    const study = this.studies.get(id);
    if (study !== undefined) change(study);
  }

  #createTrial(line: Extract<Line, { op_code: typeof op.createTrial }>): void {
    const study = this.studies.get(line.study_id);
    if (study === undefined) return;
    const number = study.trials.length;
    study.trials.push({
      number,
      state: line.state,
      params: mapValues(line.params, (value, name) => externalValue(line.distributions[name], value)),
      distributions: line.distributions,
      userAttributes: line.user_attrs,
      systemAttributes: line.system_attrs,
      intermediate: line.intermediate_values,
      values: line.values ?? (typeof line.value === 'number' ? [line.value] : null),
      start: line.datetime_start,
      complete: line.datetime_complete ?? null,
    });
    study.trialIds.push(this.#trials.length);
    this.#trials.push({ study, number });
  }

  /** Finished trials never change. */
  #change(id: number, change: (trial: OptunaTrial) => OptunaTrial): void {
    const { study, number } = this.#trials[id] ?? {};
    const trial = study?.trials[number!];
    if (trial !== undefined && !isEnded(trial.state)) study!.trials[number!] = change(trial);
  }
}

export function isEnded(state: number): boolean {
  return state !== stateCodes.running && state !== stateCodes.waiting;
}

function changedState(trial: OptunaTrial, line: Extract<Line, { op_code: typeof op.trialState }>): OptunaTrial {
  if (line.state === stateCodes.running && trial.state === stateCodes.running) return trial;
  return {
    ...trial,
    state: line.state,
    values: line.values ?? trial.values,
    start: line.state === stateCodes.running ? (line.datetime_start ?? trial.start) : trial.start,
    complete: isEnded(line.state) ? (line.datetime_complete ?? null) : trial.complete,
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
