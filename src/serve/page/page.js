// Fetches the page again and puts its sections in the place of the ones there are. Without it the page is as good, and still.
'use strict';
(() => {
  const EVERY_MS = 5000;
  const nav = document.querySelector('nav');
  const button = document.createElement('button');
  button.type = 'button';
  let paused = false;
  const name = () => { button.textContent = paused ? 'Refresh again' : 'Stop refreshing'; };
  button.addEventListener('click', () => { paused = !paused; name(); });
  name();
  nav.append(button);

  const refresh = async () => {
    if (paused || document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const old of document.querySelectorAll('[data-live]')) {
      const now = fresh.getElementById(old.id);
      // Where somebody reads with the keyboard or has marked something, nothing moves.
      const selection = document.getSelection();
      const busy = old.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(old, true));
      if (!now || busy) continue;
      const open = [...old.querySelectorAll('details')].map((details) => details.open);
      now.querySelectorAll('details').forEach((details, i) => { details.open = open[i] ?? details.open; });
      old.replaceWith(document.adoptNode(now));
    }
    document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed ?? 0) + 1);
  };
  setInterval(() => { refresh().catch(() => {}); }, EVERY_MS);
})();
