await import(`./dist/harness/backends/runtimes/wasm.js`);
import * as tf from '@tensorflow/tfjs-core';
function time(name, f){ const run=()=>{const y=tf.tidy(f); (Array.isArray(y)?y:[y]).forEach(t=>t.dataSync()); tf.dispose(y);}; for(let i=0;i<3;i++)run(); let n=0; const t0=performance.now(); while(performance.now()-t0<400){run();n++;} console.log(name.padEnd(34), ((performance.now()-t0)/n).toFixed(3),'ms'); }
const w=tf.randomUniform([4,4,64,128]), k=tf.randomUniform([2,2,64,128]);
time('strided', ()=>tf.stridedSlice(w,[0,0,0,0],w.shape,[2,2,1,1]));
time('reverse', ()=>tf.reverse(k,[0,1]));
time('transpose', ()=>tf.transpose(k,[0,1,3,2]));
const x=tf.randomUniform([1,18,18,128]), f=tf.randomUniform([2,2,128,64]);
time('conv', ()=>tf.conv2d(x,f,1,'valid'));
time('slice conv', ()=>tf.slice(tf.conv2d(x,f,1,'valid'),[0,0,0,0],[1,17,17,64]));
const y=tf.randomUniform([1,17,17,64]);
time('stack', ()=>tf.stack([y,y],3));
process.exit(0)
