/** A profile as Chrome's trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing show. */
import type { NativeProfile, NativeProfileRow } from '../native/boundary.ts';
import type { Phase } from '../phase.ts';
import type { Recorded } from './profile.ts';

/** A complete event: microseconds, as the format has them. */
interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

const engineThread = 1;
const firstProcessThread = 2;

/** JSON, one event on a line. Time 0 is the profile's start. */
export function chromeTrace(recorded: Recorded): string {
  const lanes = lanesOf(recorded.phases);
  const events = [
    threadName(engineThread, 'engine'),
    ...lanes.map((_, lane) => threadName(firstProcessThread + lane, 'JavaScript')),
    ...lanes.flatMap((phases, lane) => phases.map((phase) => processEvent(phase, lane, recorded.start))),
    ...(recorded.engine === undefined
      ? []
      : engineEvents(recorded.engine, 1000 * (recorded.engineStart - recorded.start))),
  ];
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}

function threadName(tid: number, name: string): TraceEvent {
  return { name: 'thread_name', cat: '__metadata', ph: 'M', pid: 1, tid, args: { name } };
}

function processEvent({ name, start, end }: Phase, lane: number, origin: number): TraceEvent {
  const [ts, dur] = [1000 * (start - origin), 1000 * (end - start)];
  return { name, cat: 'process', ph: 'X', pid: 1, tid: firstProcessThread + lane, ts, dur };
}

function engineEvents({ rows, events }: NativeProfile, offset: number): TraceEvent[] {
  return Array.from(events.row, (row, i) => {
    const { job, phase, kernel, layer, columns, inner } = rows[row]!;
    const [step, replica, m] = [events.step[i]!, events.replica[i]!, events.matrixRows[i]!];
    const args = {
      ...(step < 0 ? {} : { step }),
      ...(replica < 0 ? {} : { replica }),
      ...(layer < 0 ? {} : { layer }),
      ...(m === 0 ? {} : { rows: m }),
      ...(columns === 0 ? {} : { columns }),
      ...(inner === 0 ? {} : { inner }),
    };
    return {
      name: eventName(rows[row]!),
      cat: kernel !== '' ? 'kernel' : phase !== '' ? 'phase' : job,
      ph: 'X',
      pid: 1,
      tid: engineThread,
      ts: events.start[i]! + offset,
      dur: events.duration[i]!,
      args,
    };
  });
}

function eventName({ job, phase, kernel, layer }: NativeProfileRow): string {
  if (kernel !== '') return kernel;
  if (phase === '') return job;
  return layer < 0 ? phase : `${phase} ${layer}`;
}

/** Events of one thread must lie within one another or apart; phases that overlap otherwise go to a thread of their own. */
function lanesOf(phases: readonly Phase[]): Phase[][] {
  const lanes: { readonly phases: Phase[]; open: Phase[] }[] = [];
  for (const phase of [...phases].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const free = lanes.find((lane) => {
      lane.open = lane.open.filter(({ end }) => end > phase.start);
      return lane.open.every(({ end }) => end >= phase.end);
    });
    const lane = free ?? { phases: [], open: [] };
    if (free === undefined) lanes.push(lane);
    lane.phases.push(phase);
    lane.open.push(phase);
  }
  return lanes.map((lane) => lane.phases);
}
