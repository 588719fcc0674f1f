// Event listeners: an exception in one affects neither the others nor the caller that notifies them.
// SPDX-License-Identifier: MIT

/** Calls `listener` with the result of `make`. An exception of it does not reach the caller, and is still reported. */
export function tell<T>(listener: (value: T) => void, make: () => T): void {
  try {
    listener(make());
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export class Listeners<T> {
  readonly #entries = new Set<(value: T) => void>();

  /** Returns what ends the subscription. */
  add(listener: (value: T) => void): () => void {
    // A wrapper, so that one function subscribed twice is two subscriptions.
    const entry = (value: T) => listener(value);
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** `make`: once for each, so that none gets what another has changed. */
  tell(make: () => T): void {
    for (const entry of [...this.#entries]) tell(entry, make);
  }
}
