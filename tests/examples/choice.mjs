// Which of the examples a run of the tests builds: a few, others every day, or those that DECAL_EXAMPLES names.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

/** Pages that need no build: every run drives them. */
export const pages = ['plain-html', 'offline'];
/** For the command on clusters: tests/slurm/run.sh. */
export const clusters = ['kubernetes', 'slurm'];

/** The examples with a package.json. Those that take longest (Angular, Next.js, Nuxt) stand apart, so that no day gets all of them. */
export const projects = ['angular', 'vite-react', 'node', 'next', 'vite-vue', 'astro', 'nuxt', 'webpack'];

/** As many as install, build and run in 80 s on two cores. */
export const kPerDay = 3;
const kDayMs = 86_400_000;

/**
 * The projects to build: all for `all`, those of a list like `nuxt,node`, else `kPerDay` by the day. The turn of each comes
 * within three days, because the days advance by `kPerDay` through the list.
 */
export function choose(setting = process.env.DECAL_EXAMPLES, time = Date.now()) {
  if (setting === 'all') return projects;
  if (setting) {
    const names = setting.split(',');
    const unknown = names.filter((name) => !projects.includes(name));
    if (unknown.length > 0) throw new Error(`DECAL_EXAMPLES: no example ${unknown.join(', ')}; there are all, ${projects.join(', ')}`);
    return names;
  }
  const first = Math.floor(time / kDayMs) * kPerDay;
  return Array.from({ length: kPerDay }, (_, i) => projects[(first + i) % projects.length]);
}
