import assert from 'node:assert/strict';
import { browserTest, openPage } from './browser.ts';
import { until } from './until.ts';

browserTest('what goes wrong in a page is observed', async (browser, t) => {
  const { page, observed } = await openPage(browser, t, { locale: 'ko-KR' });
  await page.goto('data:text/html,<title>page</title>');
  assert.equal(await page.evaluate(() => navigator.language), 'ko-KR');

  await page.evaluate(() => {
    console.warn('said');
    setTimeout(() => {
      throw new Error('thrown');
    });
    void Promise.reject(new Error('rejected'));
    setTimeout(() => {
      const end = performance.now() + 120;
      while (performance.now() < end);
    });
  });
  await until('everything is reported', () => observed.console.length > 0 && observed.errors.length >= 2);
  assert.ok(observed.console.includes('warning: said'));
  assert.ok(observed.errors.some((text) => text.includes('thrown')));
  assert.ok(observed.errors.some((text) => text.includes('rejected')));
  await until('the long task is reported', async () => (await observed.longTasks()).some((ms) => ms >= 100));
});
