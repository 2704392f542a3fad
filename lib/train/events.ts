/** The queue between a run and whoever reads its events. */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { TrainEvent } from './run.ts';

/** Every event is published here too, whether or not the run is iterated. */
export const trainChannel = channel('lrdist:train');

const capacity = 1000;

/** Step events say how many were lost before them. */
export type QueuedEvent = { readonly type: 'step'; readonly dropped: number } | { readonly type: string };

/**
 * Holds events until they are read. A waiting step event is replaced by a newer one; when the queue is full the oldest event goes. The number lost is told
 * by the next step event (`dropped`).
 */
export class EventQueue<E extends QueuedEvent = TrainEvent> {
  readonly #channel: Channel;
  #events: E[] = [];
  #dropped = 0;
  #ended = false;
  #error: { readonly reason: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(publisher: Channel = trainChannel) {
    this.#channel = publisher;
  }

  push(event: E): void {
    if (this.#channel.hasSubscribers) this.#channel.publish(event);
    if (this.#ended) return;
    const last = this.#events.at(-1);
    if (event.type === 'step' && last?.type === 'step') {
      this.#events.pop();
      this.#dropped += 1;
    } else if (this.#events.length >= capacity) {
      this.#events.shift();
      this.#dropped += 1;
    }
    this.#events.push(event);
    this.#notify();
  }

  /** No more events; readers get the rest, then the error if there is one. */
  end(error?: { readonly reason: unknown }): void {
    this.#ended = true;
    this.#error = error;
    this.#notify();
  }

  async *read(): AsyncGenerator<E, void, undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        if (event.type === 'step') {
          yield { ...event, dropped: this.#dropped };
          this.#dropped = 0;
        } else yield event;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error.reason;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
