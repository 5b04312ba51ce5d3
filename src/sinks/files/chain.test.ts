import assert from 'node:assert/strict';
import test from 'node:test';
import { ChainModel, IDENTITY, stageRecord } from '../../../test/support/chain-model.ts';
import type { Assignment, Chain } from './chain.ts';
import { filesErrors } from './errors.ts';
import { chainName, manifestName } from './paths.ts';

const signal = new AbortController().signal;
const COMMITS = `_millrace/commits/${chainName(IDENTITY)}`;
const TEMPORARY = `_millrace/tmp/${chainName(IDENTITY)}`;
const proceed = () => {};

async function commit(chain: Chain, assignment: Assignment, offset: number): Promise<void> {
  const file = await stageRecord(chain, assignment, offset, offset);
  await assignment.commit({ kind: 'data', resume: offset, end: offset, refused: 0, files: [file] }, signal);
}

const isCommit = (path: string) => path.startsWith(COMMITS);

test('manifests are numbered in sequence, so that an empty claim takes no name that a commit needs', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  await chain.assign(proceed, signal);
  const second = await chain.assign(proceed, signal);
  await commit(chain, second, 0);
  await chain.assign(proceed, signal);
  assert.deepEqual(await chain.numbers(signal), [0, 1, 2, 3]);
  const kinds = await Promise.all([0, 1, 2, 3].map(async (number) => (await chain.manifest(number, signal))?.kind));
  assert.deepEqual(kinds, ['claim', 'claim', 'data', 'claim']);
});

test('an older writer can no longer commit after a claim', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const older = await chain.assign(proceed, signal);
  const newer = await chain.assign(proceed, signal);
  await assert.rejects(commit(chain, older, 0), { code: 'FILES_TAKEN_OVER' });
  await older.giveUp(signal);
  await commit(chain, newer, 0);
  await newer.giveUp(signal);
  model.verify(1);
});

test('what is prepared behind a commit that lost is never sent', async () => {
  const model = new ChainModel();
  const published: string[] = [];
  const chain = model.chain(async (call, act) => {
    if (call.name === 'publishIfAbsent') published.push(call.path);
    return act();
  });
  const older = await chain.assign(proceed, signal);
  const newer = await chain.assign(proceed, signal);
  const before = published.length;
  const first = await stageRecord(chain, older, 0);
  const commits = [older.commit({ kind: 'data', resume: 0, end: 0, refused: 0, files: [first] }, signal)];
  const second = await stageRecord(chain, older, 1, 1);
  commits.push(older.commit({ kind: 'data', resume: 1, end: 1, refused: 0, files: [second] }, signal));
  for (const commit of commits) await assert.rejects(commit, { code: 'FILES_TAKEN_OVER' });
  assert.equal(published.length, before + 1);
  assert.equal(older.end, null);
  await older.giveUp(signal);
  await commit(chain, newer, 0);
  await commit(chain, newer, 1);
  await newer.giveUp(signal);
  model.verify(2);
});

test('no two writers name a file alike, also where both have the same number in view', async () => {
  const chain = new ChainModel().chain();
  const older = await chain.assign(proceed, signal);
  const newer = await chain.assign(proceed, signal);
  // It does not know yet that another one has the number of this commit.
  const losing = older.commit({ kind: 'position', resume: 0, end: 0, refused: 0, files: [] }, signal);
  assert.equal(older.nextNumber, newer.nextNumber);
  const file = { first: 0, index: 0, extension: '.json' };
  assert.notEqual(older.fileName(file), newer.fileName(file));
  await assert.rejects(losing, { code: 'FILES_TAKEN_OVER' });
});

test('each manifest follows the one before it, also if that was still under way', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const assignment = await chain.assign(proceed, signal);
  const plans = [
    { kind: 'gap', resume: 0, end: 9, since: 10, refused: 0, files: [] },
    { kind: 'position', resume: 10, end: 19, refused: 0, files: [], leaderEpoch: 7 },
    { kind: 'position', resume: 20, end: 29, refused: 0, files: [] },
  ] as const;
  await Promise.all(plans.map((plan) => assignment.commit(plan, signal)));
  const newest = await chain.newest(signal);
  assert.deepEqual(
    [newest?.number, newest?.previous, newest?.end, newest?.since, newest?.leaderEpoch],
    [3, 2, 29, 10, 7],
  );
  assert.equal(assignment.end, 29);
  await assignment.giveUp(signal);
});

test('mine is the commit, not the process: one that got the partition back does not win with its older hold', async () => {
  const model = new ChainModel();
  let lostAnswers = 0;
  // One process, one store; the answers of all publications get lost.
  const chain = model.chain(async (call, act) => {
    const result = act();
    if (call.name !== 'publishIfAbsent') return result;
    lostAnswers++;
    throw filesErrors.FILES_STORE_UNAVAILABLE('the answer was lost');
  });
  const before = await chain.assign(proceed, signal);
  const after = await chain.assign(proceed, signal);
  await assert.rejects(commit(chain, before, 0), { code: 'FILES_TAKEN_OVER' });
  await before.giveUp(signal);
  await commit(chain, after, 0);
  await after.giveUp(signal);
  assert.ok(lostAnswers >= 4);
  model.verify(1);
});

test('a publication under way may still happen, so its files stay unless it was taken back', async () => {
  for (const arrives of ['before giving up', 'after giving up', 'never'] as const) {
    const model = new ChainModel();
    let late: (() => unknown) | undefined;
    let cut = false;
    const chain = model.chain(async (call, act) => {
      if (call.name === 'publishIfAbsent' && cut) {
        late = act;
        throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
      }
      if (call.name === 'read' && cut && isCommit(call.path)) throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
      return act();
    });
    const assignment = await chain.assign(proceed, signal);
    cut = true;
    await assert.rejects(commit(chain, assignment, 0), { code: 'FILES_STORE_UNAVAILABLE' });
    if (arrives === 'before giving up') late?.();
    await assignment.giveUp(signal);
    if (arrives === 'after giving up') assert.throws(() => late?.(), { code: 'FILES_GONE' });
    await model.finish(1);
    model.verify(1);
  }
});

test('until a lost answer is decided, the same is sent again, and nothing new is planned', async () => {
  const model = new ChainModel();
  const published: string[] = [];
  let drops = 3;
  const chain = model.chain(async (call, act) => {
    if (call.name === 'publishIfAbsent') {
      published.push(call.path);
      if (call.path.endsWith('1') && drops-- > 0) throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
    }
    return act();
  });
  const assignment = await chain.assign(proceed, signal);
  await commit(chain, assignment, 0);
  const one = `${COMMITS}/${manifestName(1)}`;
  assert.deepEqual(published.slice(1), [one, one, one, one]);
  await assignment.giveUp(signal);
  model.verify(1);
});

test('a store that refuses the folders of a commit has not committed it', async () => {
  const model = new ChainModel();
  const chain = model.chain(async ({ name }, act) => {
    if (name === 'makeDirectories') throw filesErrors.FILES_NOT_PERMITTED('no');
    return act();
  });
  const assignment = await chain.assign(proceed, signal);
  await assert.rejects(commit(chain, assignment, 0), { code: 'FILES_NOT_PERMITTED' });
  assert.deepEqual(await chain.numbers(signal), [0]);
  await assignment.giveUp(signal);
  await model.finish(1);
  model.verify(1);
});

test('what a merged file replaces stays as long as that file is nowhere', async () => {
  const model = new ChainModel();
  const chain = model.chain(async ({ name }, act) => {
    const result = act();
    // Someone else's clean-up takes it between commit and finish.
    if (name === 'publishIfAbsent') model.disk.files.delete(merged?.temporary ?? '');
    return result;
  });
  let merged: { readonly temporary: string } | undefined;
  const assignment = await chain.assign(proceed, signal);
  await commit(chain, assignment, 0);
  const [source = ''] = model.disk.under('').filter((path) => !path.startsWith('_millrace/'));
  const file = await stageRecord(chain, assignment, 0, 1);
  merged = file;
  const plan = { kind: 'merge', resume: 1, end: 1, refused: 0, files: [file], sources: [source] } as const;
  await assert.rejects(assignment.commit(plan, signal), { code: 'FILES_DATA_MISSING' });
  assert.ok(model.disk.files.has(source));
});

test('winning a number that was made free again is void, and touches nothing', async () => {
  const model = new ChainModel({ manifestsKept: 1 });
  const zombie = model.writer(1);
  await zombie.runTo('publishIfAbsent', (path) => path.endsWith(manifestName(1)));
  // Others load the same records, and so much more that the zombie's number is deleted.
  await model.finish(3);
  await model.finish(4);
  assert.equal(model.disk.files.has(`${COMMITS}/${manifestName(1)}`), false);
  // As if its temporary files had survived: the fence alone must hold.
  model.disk.create(`${TEMPORARY}/0-id-1/${manifestName(1)}.manifest`);
  const before = model.disk.under('').filter((path) => !path.startsWith('_millrace/'));
  await zombie.step();
  await zombie.runTo('list');
  await zombie.step();
  const next = await zombie.next();
  assert.notEqual(next?.name, 'finish');
  assert.deepEqual(
    model.disk.under('').filter((path) => !path.startsWith('_millrace/')),
    before,
  );
});

test('a newest manifest that is not readable stops; an older one is no substitute', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const assignment = await chain.assign(proceed, signal);
  await commit(chain, assignment, 0);
  const newest = model.disk.files.get(`${COMMITS}/${manifestName(1)}`);
  assert.ok(newest);
  newest.content = newest.content.subarray(0, newest.content.length - 10);
  const changing: string[] = [];
  const next = model.chain(async (call, act) => {
    if (call.name !== 'list' && call.name !== 'read') changing.push(call.name);
    return act();
  });
  await assert.rejects(next.assign(proceed, signal), { code: 'FILES_MANIFEST_UNREADABLE', decision: 'stop' });
  assert.deepEqual(changing, []);
});

test('a new owner finishes the files of the newest manifest, at the paths it names', async () => {
  const model = new ChainModel();
  const writer = model.writer(1);
  await writer.runTo('finish');
  await writer.step('kill');
  assert.equal(model.disk.files.has('type=x/0+1.json'), false);
  const next = await model.chain().assign(proceed, signal);
  assert.equal(next.end, 0);
  assert.equal(String(model.disk.files.get('type=x/0+1.json')?.content), '0\n');
});

test('cleaning up goes by the number of the claim: a newer owner keeps its files', async () => {
  const model = new ChainModel();
  await model.chain().assign(proceed, signal);
  const slow = model.writer(1);
  await slow.runTo('list', (path) => path === TEMPORARY);
  // While the slow writer is about to clean up, another one takes over and stages.
  const chain = model.chain();
  const newer = await chain.assign(proceed, signal);
  const file = await stageRecord(chain, newer, 0);
  await slow.runTo('publishIfAbsent');
  assert.ok(model.disk.files.has(file.temporary), 'the files of the newer owner were deleted');
  await newer.commit({ kind: 'data', resume: 0, end: 0, refused: 0, files: [file] }, signal);
  assert.equal(String(model.disk.files.get(file.final)?.content), '0\n');
});

test('cleaning up takes what older claims left behind', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const killed = await chain.assign(proceed, signal);
  const left = await stageRecord(chain, killed, 0);
  await chain.assign(proceed, signal);
  assert.equal(model.disk.files.has(left.temporary), false);
});

test('a zombie that published just before the claim loses nothing to the clean-up', async () => {
  const model = new ChainModel();
  const zombie = model.writer(1);
  await zombie.runTo('publishIfAbsent', (path) => path.endsWith(manifestName(1)));
  const claimer = model.writer(1);
  await claimer.runTo('publishIfAbsent');
  await zombie.step('kill-after');
  await claimer.runToEnd();
  await model.finish(1);
  model.verify(1);
});

test('a committed file that is gone stops, unless newer manifests exist', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const assignment = await chain.assign(proceed, signal);
  await commit(chain, assignment, 0);
  const manifest = await chain.newest(signal);
  assert.ok(manifest);
  model.disk.files.delete('type=x/0+1.json');
  await assert.rejects(chain.assign(proceed, signal), { code: 'FILES_DATA_MISSING', decision: 'stop' });
  await commit(chain, assignment, 1);
  await chain.finish(manifest, signal);
});

test('the newest 100 manifests are kept', async () => {
  const model = new ChainModel();
  const chain = model.chain();
  const assignment = await chain.assign(proceed, signal);
  for (let offset = 0; offset < 120; offset++) await commit(chain, assignment, offset);
  await assignment.giveUp(signal);
  const numbers = await chain.numbers(signal);
  assert.equal(numbers.at(-1), 120);
  assert.ok(numbers.length <= 101 && numbers.length >= 100);
  model.verify(120);
});
