// Runs both programs, and prints their medians and ratios. Started by bench/compare/run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const options = read({
  records: { type: 'string', multiple: true, default: ['1000', '10000', '100000'] },
  layout: { type: 'string', default: 'long' },
  repeat: { type: 'string', default: '1' },
  batch: { type: 'string', default: '2500' },
  synchronous: { type: 'string', default: 'normal' },
  bench: { type: 'string', default: join(root, 'build', 'release', 'bench', 'bench_sync') },
  folder: { type: 'string', default: tmpdir() },
});

function read(known) {
  try {
    return parseArgs({ options: known }).values;
  } catch (error) {
    return fail(`${error.message}; the head of bench/compare/run lists the options`);
  }
}

function fail(message) {
  console.error(`bench/compare/run: ${message}`);
  process.exit(1);
}

function output(command, args, environment) {
  const run = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  if (run.error) fail(`${command}: ${run.error.message}`);
  if (run.status !== 0) fail(`${command} ${args.join(' ')} ended with ${run.status ?? run.signal}; see above`);
  return run.stdout;
}

function pouchdb(records) {
  const folder = mkdtempSync(join(options.folder, 'compare-'));
  try {
    const args = ['--expose-gc', join(here, 'pouchdb.mjs'), join(root, 'build', 'compare'), folder, records,
      options.layout, options.batch];
    return output(process.execPath, args).trim().split('\n').map((line) => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function castielSync(records) {
  const args = ['--records', records, '--layout', options.layout, '--sides', 'feeds',
    '--synchronous', options.synchronous];
  const rows = output(options.bench, args, { TMPDIR: options.folder }).trim().split('\n').slice(2);
  return rows.map((row) => {
    const [, , phase, wall, cpu, , peak] = row.split('|').map((cell) => cell.trim());
    return { phase, wall: Number(wall), cpu: Number(cpu), peak: Number(peak) };
  });
}

function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// [[phases of one run], …] → phase by name, with the median of each figure
function medians(runs) {
  const phases = new Map();
  for (const { phase } of runs[0]) {
    const same = runs.map((run) => run.find((one) => one.phase === phase));
    const figure = (name) => median(same.map((one) => one[name]));
    phases.set(phase, { wall: figure('wall'), cpu: figure('cpu'), peak: figure('peak') });
  }
  return phases;
}

if (!existsSync(options.bench))
  fail(`${options.bench} is missing; build it: cmake --preset release && ` +
    'cmake --build build/release --target bench_sync');

console.log('| records | phase | PouchDB CPU s | castiel_sync CPU s | CPU ratio | PouchDB wall s ' +
  '| castiel_sync wall s | wall ratio | PouchDB peak MiB | castiel_sync peak MiB |\n' +
  '|---|---|---|---|---|---|---|---|---|---|');
for (const records of options.records) {
  const theirs = [];
  const ours = [];
  for (let run = 0; run < Number(options.repeat); ++run) { // in turn, so that both meet the same load
    theirs.push(pouchdb(records));
    ours.push(castielSync(records));
  }
  const ourPhases = medians(ours);
  for (const [phase, their] of medians(theirs)) {
    const our = ourPhases.get(phase);
    if (!our) fail(`bench_sync printed no phase "${phase}"`);
    const seconds = (value) => value.toFixed(4);
    const ratio = (name) => (their[name] / our[name]).toFixed(1);
    console.log(`| ${[records, phase, seconds(their.cpu), seconds(our.cpu), ratio('cpu'), seconds(their.wall),
      seconds(our.wall), ratio('wall'), their.peak.toFixed(0), our.peak.toFixed(0)].join(' | ')} |`);
  }
}
