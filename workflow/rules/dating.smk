rule date:
    input:
        counts=COUNTS,
    output:
        # Written last. It names all other files.
        AGES,
    log:
        f"{RESULTS}/logs/date.log",
    benchmark:
        f"{RESULTS}/benchmarks/date.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("date"),
        dating=settings.dating_choice,
        program=str(settings.dating.program),
        has_craterstats=has_craterstats(),
        body=settings.body,
    message:
        "date the counted areas"
    script:
        "../scripts/date.py"
