// Syncs two PouchDB databases on LevelDB, both ways, and prints one JSON object per phase. The records and edits are
// those of bench/common.hpp.
//
//   node pouchdb.mjs MODULES FOLDER RECORDS LAYOUT BATCH
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [modules, folder, recordsText, layout, batchText] = process.argv.slice(2);
const records = Number(recordsText);
const batch = Number(batchText);
const require = createRequire(resolve(modules, 'package.json'));
const PouchDB = require('pouchdb-core');
PouchDB.plugin(require('pouchdb-adapter-leveldb')).plugin(require('pouchdb-replication'));

const editedOnSource = (number) => number % 100 === 0;
const editedOnTarget = (number) => number % 1000 === 0 || number % 100 === 1;
const editedField = layout === 'fields' ? 'field_00' : 'text';

function makeRecord(number) {
  const row = { _id: `r${String(number).padStart(8, '0')}`, email: `p${number}@example.org` };
  if (layout === 'fields') {
    for (let i = 0; i < 40; ++i) {
      const value = (number * (2654435761 % 65536) + i * 40503) % 65536;
      row[`field_${String(i).padStart(2, '0')}`] = value.toString(16) + i;
    }
  } else {
    const text = new Array(880).fill('x');
    for (let i = 0; i < 16; ++i) text[i * 50] = String.fromCharCode(97 + (Math.floor(number / 2 ** i) % 16));
    row.text = text.join('');
  }
  row.name = `name ${number} 0`;
  return row;
}

function editText(text, edited) {
  return edited + text.slice(edited.length);
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function write(database, documents) {
  const answers = await database.bulkDocs(documents);
  for (const answer of answers) check(answer.ok, `${database.name}: a document was refused: ${JSON.stringify(answer)}`);
}

async function fill(database) {
  for (let begin = 0; begin < records; begin += 500) {
    const documents = [];
    for (let i = begin; i < Math.min(records, begin + 500); ++i) documents.push(makeRecord(i));
    await write(database, documents);
  }
}

async function edit(database, side, field, which) {
  const ids = [];
  for (let i = 0; i < records; ++i) if (which(i)) ids.push(makeRecord(i)._id);
  for (let begin = 0; begin < ids.length; begin += 500) {
    const rows = (await database.allDocs({ keys: ids.slice(begin, begin + 500), include_docs: true })).rows;
    for (const { doc } of rows) doc[field] = editText(doc[field], `edited ${side} ${doc.email}`);
    await write(database, rows.map(({ doc }) => doc));
  }
  return ids.length;
}

// Every option that is not about the length of a batch has PouchDB's own default.
async function sync(source, target) {
  const { push, pull } = await PouchDB.sync(source, target, { batch_size: batch });
  for (const way of [push, pull])
    check(way.ok && way.doc_write_failures === 0, `the replication failed: ${JSON.stringify(way)}`);
  return push.docs_written + pull.docs_written;
}

function peakMebibytes() {
  const line = readFileSync('/proc/self/status', 'utf8').match(/^VmHWM:\s+(\d+) kB$/m);
  return Number(line[1]) / 1024;
}

async function phase(name, expectedWritten, runs, work) {
  globalThis.gc?.();
  writeFileSync('/proc/self/clear_refs', '5');
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage(); // of all threads
  for (let run = 0; run < runs; ++run) {
    const written = await work();
    check(written === expectedWritten, `${name}: wrote ${written} documents, expected ${expectedWritten}`);
  }
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({
    phase: name,
    wall: Number(process.hrtime.bigint() - wall) / 1e9 / runs,
    cpu: (used.user + used.system) / 1e6 / runs,
    peak: peakMebibytes(),
  }));
}

const source = new PouchDB(join(folder, 'source'), { adapter: 'leveldb' });
const target = new PouchDB(join(folder, 'target'), { adapter: 'leveldb' });
await fill(source);
await phase('initial', records, 1, () => sync(source, target));
check((await target.info()).doc_count === records, 'the target does not hold every record');
await phase('first re-sync', 0, 1, () => sync(source, target));
await phase('no change', 0, 20, () => sync(source, target));
const onSource = await edit(source, 'source', 'name', editedOnSource);
const onTarget = await edit(target, 'target', 'name', editedOnTarget);
await phase('1 % edited', onSource + onTarget, 1, () => sync(source, target));
if (records >= 1000) {
  const step = Math.floor(records / 500);
  const some = (rest) => (number) => number % step === rest && number < step * 500;
  await edit(source, 'source', editedField, some(0));
  await edit(target, 'target', editedField, some(1));
  await phase('1,000 edits', 1000, 1, () => sync(source, target));
}
const conflicted = (await source.allDocs({ include_docs: true, conflicts: true, keys: conflictIds() })).rows;
check(conflicted.every(({ doc }) => doc._conflicts?.length === 1), 'a conflict was not kept');

function conflictIds() {
  const ids = [];
  for (let i = 0; i < records; ++i) if (editedOnSource(i) && editedOnTarget(i)) ids.push(makeRecord(i)._id);
  return ids;
}
await source.close();
await target.close();
