/*
 * What runs a program in TypeScript: TensorFlow.js on each of its runtimes, and ONNX Runtime.
 */

export type RuntimeName = 'cpu' | 'wasm' | 'node' | 'webgl' | 'webgpu' | 'onnxruntime-node' | 'onnxruntime-web';

/** How a program looks that runs there. */
export interface Runtime {
  /** What npm is to install, with releases; `version` is the library's. */
  packages(version: string): string[];
  /** What goes before the command that runs it. */
  env: string;
  /** Whether types are known of all that it uses, but for functions. */
  isTyped: boolean;
  /** The statements that come first. */
  setUp: readonly string[];
  /** The lines around functions and statements. */
  frame(functions: string, statements: readonly string[]): readonly string[];
  /** What a program asks of its result `y`, as expressions, and the statement that prints it. */
  y: { elements: string; shape: string; dtype: string; print: string };
}

const tfjsResult = { elements: 'y.dataSync()', shape: 'y.shape', dtype: 'y.dtype', print: 'y.print();' };

export const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  cpu: tfjsInNode('cpu'),
  wasm: tfjsInNode('wasm'),
  node: {
    ...inNode("import * as tf from '@tensorflow/tfjs-node';"),
    packages: (version) => [`@tensorflow/tfjs-node@${version}`],
    env: 'TF_ENABLE_ONEDNN_OPTS=0 ',
    setUp: ["await tf.setBackend('tensorflow');"],
    y: tfjsResult,
  },
  webgl: tfjsInBrowser('webgl', 'WEBGL_CPU_FORWARD'),
  webgpu: tfjsInBrowser('webgpu', 'WEBGPU_CPU_FORWARD'),
  'onnxruntime-node': onnxruntime('onnxruntime-node'),
  'onnxruntime-web': onnxruntime('onnxruntime-web'),
};

/** What a program in TypeScript runs a built-in backend on; null where none can. */
export function runtimeOf(builtIn: string | null): RuntimeName | null {
  const name = builtIn?.replace(/^tfjs-/, '').replace(/-(native|padded)$/, '') ?? '';
  return Object.hasOwn(runtimes, name) ? (name as RuntimeName) : null;
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line.replace(/\n(?=.)/g, '\n  ')}`));
}

function inNode(imports: string): Pick<Runtime, 'env' | 'isTyped' | 'frame'> {
  return {
    env: '',
    isTyped: true,
    frame: (functions, statements) => [
      imports,
      '',
      ...(functions === '' ? [] : [functions]),
      'async function main() {',
      ...indented(statements),
      '}',
      '',
      'main();',
      '',
    ],
  };
}

function tfjsInNode(name: 'cpu' | 'wasm'): Runtime {
  const packages = ['@tensorflow/tfjs-core', `@tensorflow/tfjs-backend-${name}`];
  return {
    ...inNode(`import * as tf from '${packages[0]}';\nimport '${packages[1]}';`),
    packages: (version) => packages.map((one) => `${one}@${version}`),
    setUp: [`await tf.setBackend('${name}');`],
    y: tfjsResult,
  };
}

function onnxruntime(name: 'onnxruntime-node' | 'onnxruntime-web'): Runtime {
  return {
    ...inNode(`import { InferenceSession, Tensor } from '${name}';`),
    packages: (version) => [`${name}@${version}`],
    setUp: [],
    y: { elements: 'y.data', shape: 'y.dims', dtype: 'y.type', print: 'console.log(y.data);' },
  };
}

/** The release of Playwright that a program is written for. */
const playwright = '1.65.1';

/** `forward`: the flag by which tfjs computes small tensors on the CPU. */
function tfjsInBrowser(name: 'webgl' | 'webgpu', forward: string): Runtime {
  const bundles = ['tfjs-core/dist/tf-core.min.js', `tfjs-backend-${name}/dist/tf-backend-${name}.min.js`];
  return {
    packages: (version) => [
      ...['core', `backend-${name}`].map((part) => `@tensorflow/tfjs-${part}@${version}`),
      `playwright-core@${playwright}`,
    ],
    env: 'CHROMIUM=/usr/bin/chromium ',
    isTyped: false,
    setUp: [
      '// Else small tensors are computed on the CPU.',
      `tf.env().set('${forward}', false);`,
      `await tf.setBackend('${name}');`,
    ],
    frame: (functions, statements) => [
      "import { chromium } from 'playwright-core';",
      '',
      '// What the page runs.',
      'async function inPage() {',
      '  const process = { exitCode: 0 };',
      ...(functions === '' ? [] : indented([functions.replaceAll(/^export /gm, '')])),
      ...indented(statements),
      '  return process.exitCode;',
      '}',
      '',
      'async function main() {',
      '  const browser = await chromium.launch({',
      '    executablePath: process.env.CHROMIUM,',
      '    // Adapters in software, which are there everywhere.',
      "    args: ['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--enable-unsafe-webgpu',",
      "      '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],",
      '  });',
      '  const page = await browser.newPage();',
      "  page.on('console', (message) => console.log(message.text()));",
      '  // An empty page of a secure origin, as WebGPU wants it.',
      "  await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '' }));",
      "  await page.goto('http://localhost/');",
      `  for (const path of ['${bundles.join("', '")}']) {`,
      "    await page.addScriptTag({ path: 'node_modules/@tensorflow/' + path });",
      '  }',
      '  // tsx puts calls of it into functions.',
      "  await page.evaluate('globalThis.__name = (named) => named');",
      '  try {',
      '    process.exitCode = await page.evaluate(inPage);',
      '  } finally {',
      '    await browser.close();',
      '  }',
      '}',
      '',
      'main();',
      '',
    ],
    // Nothing but `data` reads all of a tensor on WebGPU.
    y: { ...tfjsResult, elements: '(await y.data())', print: 'console.log(String(await y.data()));' },
  };
}
