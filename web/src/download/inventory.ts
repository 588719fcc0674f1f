// Lists the cached models, and deletes them.
// SPDX-License-Identifier: MIT
import { models } from '../shared/models.js';
import type { ModelInfo, RegistryModel } from '../shared/types.js';
import type { Store } from './store.js';

/**
 * @param addressOf where a model is downloaded from
 * @param isHere whether a model needs no store because its file is on this machine
 */
export async function describeModels(
  stores: readonly Store[], addressOf: (model: RegistryModel) => string | null,
  isHere: (address: string) => boolean = () => false,
): Promise<ModelInfo[]> {
  const journals = (await Promise.all(stores.map((store) => store.list().catch(() => [])))).flat();
  const whole = journals.filter(({ complete }) => complete);
  return models.map((model) => {
    const { name, description, licence, bytes = null, file, sha256 } = model;
    const url = addressOf(model);
    const kept = whole.some((journal) => (sha256 ? journal.key === `sha256-${sha256}` : journal.url === url));
    return { name, description, licence, bytes, file, url, cached: kept || (url !== null && isHere(url)) };
  });
}

/** Removes all that is not being written just now. */
export async function clearStores(stores: readonly Store[]): Promise<void> {
  await Promise.all(stores.map((store) => store.clear()));
}
