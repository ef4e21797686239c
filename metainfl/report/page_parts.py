# ruff: noqa: E501  (style and script read better unbroken)
"""The page's style and script, as text. The script keeps its state in the address: links can be shared.

page.html#parts?sort=T1%20error&filter=softmax
"""

STYLE = """
:root{color-scheme:light dark;--ink:#1c1c1c;--paper:#fff;--soft:#f2f3f5;--line:#d5d7dc;--link:#0b57a4;--bad:#a33600}
@media (prefers-color-scheme:dark){:root{--ink:#e7e7e7;--paper:#16181c;--soft:#22252b;--line:#3b3f47;--link:#8ec2ff;--bad:#ff9d5c}}
:root[data-theme=light]{color-scheme:light;--ink:#1c1c1c;--paper:#fff;--soft:#f2f3f5;--line:#d5d7dc;--link:#0b57a4;--bad:#a33600}
:root[data-theme=dark]{color-scheme:dark;--ink:#e7e7e7;--paper:#16181c;--soft:#22252b;--line:#3b3f47;--link:#8ec2ff;--bad:#ff9d5c}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:92rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
header{display:flex;justify-content:space-between;align-items:center;gap:1rem}header button{flex:none}
p,dl,.checks{max-width:50rem}.when{font-size:.9rem;margin:.2rem 0}
.counts{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;padding:0;list-style:none}.counts b{font-size:1.3rem}
.checks{padding-left:1.1rem}.checks li{margin:.5rem 0}.checks.skip{font-size:.9rem}
.checks.fail{list-style:"\\2717  "}.checks.pass{list-style:"\\2713  "}
.checks.fail li>b{color:var(--bad)}
pre{white-space:pre-wrap;margin:.3rem 0 0;padding:.4rem .6rem;background:var(--soft);font-size:.85rem}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .4rem}
button,input{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:.25rem .6rem}
input{width:min(22rem,60vw)}section,main{min-width:0}
figure{margin:.5rem 0;overflow-x:auto}figure svg{width:100%;min-width:34rem;max-width:46rem;height:auto;color:var(--ink)}
.wide{overflow-x:auto;max-height:30rem;overflow-y:auto;margin-top:.4rem}
table{border-collapse:collapse;font-size:.85rem}th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
.data th{position:sticky;top:0;background:var(--soft);cursor:pointer}
.data th[aria-sort=ascending]:after{content:" \\2191"}.data th[aria-sort=descending]:after{content:" \\2193"}
td.n{text-align:right;font-variant-numeric:tabular-nums}td.failed{white-space:normal;min-width:14rem;font-style:italic}
td.v-exact,td.v-within{font-weight:600}td.v-not,td.v-FAILS{text-decoration:underline dotted}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}
.cards article{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;min-width:0}
h3{font-size:1rem;margin:.3rem 0}.score,.side,.fact{margin:.2rem 0;font-size:.9rem}
.strip{display:flex;flex-wrap:wrap;gap:.3rem .5rem}.strip .fact{flex-basis:100%}
.small{margin:0;overflow:visible;font-size:.7rem;text-align:center}.small img{image-rendering:pixelated;max-width:84px;border:1px solid var(--line);background:#fff}
.small figcaption{max-width:6rem;line-height:1.2}
summary{cursor:pointer;color:var(--link)}dt{font-weight:600}dd{margin:0 0 .5rem 1rem}
"""

SCRIPT = """
const root=document.documentElement;
document.getElementById('theme').addEventListener('click',()=>{
  const dark=root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme=dark?'light':'dark';});
function value(row,i){const c=row.cells[i];if(!c||c.colSpan>1)return null;
  return c.dataset.v!==undefined?Number(c.dataset.v):(c.textContent==='-'?null:c.textContent);}
function sort(table,i,down){
  const body=table.tBodies[0],rows=[...body.rows];
  rows.sort((a,b)=>{const x=value(a,i),y=value(b,i);
    if(x===null||y===null)return (x===null)-(y===null);
    const d=typeof x==='number'&&typeof y==='number'?x-y:String(x).localeCompare(String(y));
    return down?-d:d;});
  rows.forEach(r=>body.append(r));
  [...table.tHead.rows[0].cells].forEach((h,j)=>{h.removeAttribute('aria-sort');
    if(j===i)h.setAttribute('aria-sort',down?'descending':'ascending');});}
function filter(table,text){const words=text.toLowerCase().split(/\\s+/).filter(Boolean);
  for(const r of table.tBodies[0].rows){const t=[...r.cells].map(c=>c.textContent).join(' ').toLowerCase();r.hidden=!words.every(w=>t.includes(w));}}
function remember(name,key,v){const q=state();q.name=name;q.params.set(key,v);
  history.replaceState(null,'','#'+name+'?'+q.params);}
function state(){const [name,query]=decodeURI(location.hash.slice(1)).split('?');
  return {name,params:new URLSearchParams(query||'')};}
for(const table of document.querySelectorAll('table.data')){
  const name=table.dataset.name,heads=[...table.tHead.rows[0].cells];
  heads.forEach((h,i)=>{const go=()=>{const down=h.getAttribute('aria-sort')==='ascending';
    sort(table,i,down);remember(name,'sort',(down?'-':'')+h.textContent);};
    h.addEventListener('click',go);h.addEventListener('keydown',e=>{if(e.key==='Enter')go();});});
  const box=document.querySelector(`input[data-for="${name}"]`);
  box.addEventListener('input',()=>{filter(table,box.value);remember(name,'filter',box.value);});
  const s=state();
  if(s.name===name){table.closest('details').open=true;
    const by=s.params.get('sort')||'',down=by.startsWith('-'),i=heads.findIndex(h=>h.textContent===by.replace(/^-/,''));
    if(i>=0)sort(table,i,down);
    if(s.params.get('filter')){box.value=s.params.get('filter');filter(table,box.value);}
    table.closest('section').scrollIntoView();}}
"""
