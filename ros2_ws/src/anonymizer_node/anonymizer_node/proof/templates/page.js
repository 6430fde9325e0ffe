/* Pictures by keyboard. Without this the page is the same, but Tab stops at every picture. */
(() => {
  'use strict';
  const pictures = [...document.querySelectorAll('a.picture')];
  const galleries = [...document.querySelectorAll('.tiles')];
  const enlarged = () => document.querySelector('figure:has(> :target):not(.closed)');
  const show = (picture) => {
    const gallery = picture.closest('.tiles');
    for (const other of gallery.querySelectorAll('a.picture')) other.tabIndex = -1;
    picture.tabIndex = 0;
    picture.focus();
    if (enlarged()) {
      picture.closest('figure').classList.remove('closed');
      location.replace(picture.hash);
    }
    picture.scrollIntoView({ block: 'nearest' });
  };
  const middle = (picture) => {
    const box = picture.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + scrollY };
  };
  const inNextRow = (now, step) => {
    const from = middle(pictures[now]);
    let best = null;
    for (let index = now + step; pictures[index]; index += step) {
      const at = middle(pictures[index]);
      if (Math.abs(at.y - from.y) < 4) continue;
      if (best === null) best = { y: at.y, index, away: Math.abs(at.x - from.x) };
      if (Math.abs(at.y - best.y) >= 4) break;
      const away = Math.abs(at.x - from.x);
      if (away < best.away) best = { y: at.y, index, away };
    }
    return best === null ? now : best.index;
  };
  const keys = {
    ArrowRight: (now) => now + 1,
    j: (now) => now + 1,
    ArrowLeft: (now) => now - 1,
    k: (now) => now - 1,
    ArrowDown: (now) => inNextRow(now, 1),
    ArrowUp: (now) => inNextRow(now, -1),
    Home: () => 0,
    End: () => pictures.length - 1,
  };
  for (const gallery of galleries) {
    gallery.querySelectorAll('a.picture').forEach((picture, index) => {
      picture.tabIndex = index ? -1 : 0;
    });
  }
  document.addEventListener('click', (event) => {
    const picture = event.target.closest('a.picture');
    if (!picture) return;
    const figure = picture.closest('figure');
    if (enlarged() === figure) event.preventDefault();
    figure.classList.toggle('closed', enlarged() === figure);
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const now = pictures.indexOf(document.activeElement);
    if (now < 0) return;
    if (event.key === 'Escape' && enlarged()) {
      enlarged().classList.add('closed');
      pictures[now].scrollIntoView({ block: 'nearest' });
      event.preventDefault();
    } else if (keys[event.key]) {
      const next = Math.max(0, Math.min(pictures.length - 1, keys[event.key](now)));
      show(pictures[next]);
      event.preventDefault();
    }
  });
})();
