rule report:
    input:
        # What it shows is made before; `python -m orbitile report` writes it of a run in any state.
        RESULT,
        COMPARED if settings.evaluation.truth else [],
        results_beside("report"),
    output:
        index=f"{RESULTS}/report/index.html",
        jobs=f"{RESULTS}/report/jobs.csv",
        rules=f"{RESULTS}/report/rules.csv",
        graph=f"{RESULTS}/report/graph.csv",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../envs/rasters.yaml"
    params:
        code_version=code_version("report"),
        results=subpath(output.index, ancestor=2),
        # It shows jobs, failures and what other targets made: it is written whenever it is asked for.
        asked_at=lambda wildcards: time.time(),
    message:
        "report on the whole run"
    script:
        "../scripts/report.py"
