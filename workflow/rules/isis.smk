rule isis:
    output:
        f"{RESULTS}/isis/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/isis/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/isis/{{group}}.tsv"
    conda:
        "../../envs/isis.yaml"
    resources:
        mem_mb=growing(4000, 500),
        runtime=growing(30, 60),
    params:
        code_version=code_version("isis"),
        plan=PLAN,
        version=lambda wildcards: plan.group(wildcards.group).version,
        gsd_m=settings.finest_m,
        spice_choice=settings.spice_choice,
        folder=f"{RESULTS}/work/isis",
    message:
        "isis {wildcards.group}"
    script:
        "../scripts/isis.py"
