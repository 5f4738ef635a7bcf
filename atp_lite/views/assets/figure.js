const KEY = Symbol.for("atp_lite plotly VERSION");
const MESSAGES = ["addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
                  "removeLayoutProps", "removeTraceProps"].map(name => `_py2js_${name}`);

async function fetched(model) {
  const source = await model.widget_manager.get_model(model.get("_code_id"));
  const url = URL.createObjectURL(new Blob([source.get("code")], {type: "text/javascript"}));
  try { return await import(/* webpackIgnore: true */ url); } finally { URL.revokeObjectURL(url); }
}

function plotly(model) {  // once a page
  globalThis[KEY] ??= fetched(model).catch(error => { delete globalThis[KEY]; throw error; });
  return globalThis[KEY];
}

export default () => {
  let early = [], figure = null;  // what was sent before the code was there
  return {
    initialize({model}) {
      for (const name of MESSAGES)
        model.on(`change:${name}`, () => {
          if (early && model.get(name) !== null) early.push([name, model.get(name)]);
        });
    },
    async render({model, el}) {
      const code = await plotly(model);
      if (figure === null) {
        figure = code.default();
        figure.initialize({model});
        const sent = early;
        early = null;
        for (const [name, message] of sent) { model.set(name, message); model.set(name, null); }
      }
      return figure.render({model, el});
    },
  };
};
