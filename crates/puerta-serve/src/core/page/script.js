(() => {
'use strict';
const doc = document, find = s => doc.querySelector(s);
const table = find('table'), field = find('#filter'), form = field.form, shown = find('#shown'), none = find('#none');
const PART = 100, first = { name: 'asc', size: 'desc', time: 'desc' };
const bodies = [...table.tBodies].filter(b => b.className != 'up');
// Names are compared as the server does it: NFC, then lower case.
const fold = text => text.normalize().toLowerCase();
const rows = bodies.flatMap(b => [...b.rows]).map(row => {
	const [name, size, time] = row.cells, link = name.firstChild;
	return { row, link, name: link.textContent, folded: fold(link.textContent),
		folder: link.className == 'd', size: +size.firstChild?.value || 0, time: time.firstChild?.dateTime || '' };
});
// How many there are in all: of what the server has left out, it says the number.
const all = +find('#all')?.value || rows.length;
// As everything here is written, whatever the browser's own language is.
const number = n => n.toLocaleString(doc.documentElement.lang);
const held = bodies.map(b => [...b.rows]);
const asked = new URLSearchParams(location.search);

// Only parts that change are touched, and the browser lays out those in sight alone.
const show = () => {
	const words = fold(field.value), seen = rows.filter(r => r.folded.includes(words));
	bodies.forEach((body, i) => {
		const part = seen.slice(i * PART, i * PART + PART).map(r => r.row);
		if (part.length != held[i].length || part.some((r, j) => r != held[i][j])) {
			held[i] = part;
			body.replaceChildren(...part);
			body.hidden = !part.length;
		}
	});
	none.hidden = !rows.length || seen.length > 0;
	shown.textContent = words ? shown.dataset.words.replace('{}', number(seen.length)).replace('{}', number(all)) : '';
};

const compare = new Intl.Collator(undefined, { numeric: true }).compare;
const sort = (by, down) => {
	const sign = down ? -1 : 1;
	rows.sort((a, b) => b.folder - a.folder
		|| sign * (by == 'size' && !a.folder ? a.size - b.size : by == 'time' ? (a.time > b.time) - (a.time < b.time) : 0)
		|| (by == 'name' ? sign : 1) * compare(a.name, b.name));
	for (const head of table.tHead.rows[0].cells) {
		const own = head.dataset.by;
		if (own == by) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
		else head.removeAttribute('aria-sort');
		const query = new URLSearchParams(asked);
		query.set('sort', own);
		query.set('order', own == by ? (down ? 'asc' : 'desc') : first[own]);
		head.firstChild.search = query;
	}
	show();
};
table.tHead.addEventListener('click', e => {
	const link = e.target.closest('a');
	if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
	e.preventDefault();
	const query = new URLSearchParams(link.search);
	for (const key of ['sort', 'order']) asked.set(key, query.get(key));
	history.replaceState(null, '', '?' + asked);
	sort(asked.get('sort'), asked.get('order') == 'desc');
});
// Folders are opened in the order that was chosen.
doc.addEventListener('click', e => {
	const link = e.target.closest('a.d,a.u,nav a'), query = new URLSearchParams(asked);
	query.delete('filter');
	if (link) link.search = query;
}, true);

// What the server has filtered is not all: for anything else it is asked again.
let timer;
const changed = () => {
	clearTimeout(timer);
	if (field.value.includes(field.defaultValue)) show();
	else timer = setTimeout(() => form.requestSubmit(), 400);
};
field.addEventListener('input', changed);
form.addEventListener('submit', e => {
	if (!field.value.includes(field.defaultValue)) return;
	e.preventDefault();
	const links = table.querySelectorAll('tbody:not(.up) a');
	if (links.length == 1) links[0].click();
	else links[0]?.focus();
});

const step = down => {
	const parts = [...table.tBodies].filter(b => !b.hidden);
	let row = doc.activeElement.closest('tbody tr');
	if (row) {
		const way = down ? 'nextElementSibling' : 'previousElementSibling', body = row.parentNode;
		row = row[way] || parts[parts.indexOf(body) + (down ? 1 : -1)]?.rows;
		if (row && !row.cells) row = row[down ? 0 : row.length - 1];
		if (!row && !down) return field.focus();
	} else if (down) row = (parts.find(b => b.className != 'up') || parts[0])?.rows[0];
	row?.querySelector('a').focus();
};
doc.addEventListener('keydown', e => {
	if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
	const typing = e.target == field;
	if (e.key == 'ArrowDown' || e.key == 'ArrowUp') step(e.key == 'ArrowDown');
	else if (e.key == '/' && !typing) field.select();
	else if (e.key == 'Backspace' && !typing) find('.u')?.click();
	else if (e.key == 'Escape' && typing) field.value ? (field.value = '', changed()) : field.blur();
	else return;
	e.preventDefault();
});

// The dates in the viewer's own time, a few at a time.
const two = n => String(n).padStart(2, 0);
let at = 0;
const dated = [...rows];
const local = () => {
	for (const end = at + 2000; at < end && at < dated.length; at++) {
		const { row } = dated[at], time = row.cells[2].firstChild, d = time && new Date(time.dateTime);
		if (!d || isNaN(d)) continue;
		row.title += (row.title && '\n') + time.dateTime.replace('T', ' ').replace('Z', ' UTC');
		time.textContent = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
	}
	if (at < dated.length) setTimeout(local);
};
local();
find('#zone').remove();
form.querySelector('button').hidden = true;
find('#keys').hidden = false;
// Who has the list filtered by the server is still typing.
if (field.value) { field.focus(); field.setSelectionRange(field.value.length, field.value.length); }
if (table.className && asked.has('sort')) sort(asked.get('sort'), asked.get('order') == 'desc');
else if (field.value || field.defaultValue) changed();
})();
