//! [`Module`] and [`Forward`] of what holds modules: boxes, options, lists and maps, with the paths that DSPy
//! gives.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use meanwhile_core::Result;

use super::{Forward, Module, visit_part, visit_part_mut};
use crate::Predictor;

impl<M: Module + ?Sized> Module for Box<M> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        (**self).predictors(visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        (**self).predictors_mut(visit);
    }
}

impl<M: Module + ?Sized> Module for Arc<M> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        (**self).predictors(visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        if let Some(module) = Self::get_mut(self) {
            module.predictors_mut(visit);
        }
    }
}

impl<M: Module> Module for Option<M> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        if let Some(module) = self {
            module.predictors(visit);
        }
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        if let Some(module) = self {
            module.predictors_mut(visit);
        }
    }
}

impl<M: Module> Module for [M] {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        for (index, module) in self.iter().enumerate() {
            visit_part(module, &format!("[{index}]"), visit);
        }
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        for (index, module) in self.iter_mut().enumerate() {
            visit_part_mut(module, &format!("[{index}]"), visit);
        }
    }
}

impl<M: Module> Module for Vec<M> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        self.as_slice().predictors(visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        self.as_mut_slice().predictors_mut(visit);
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        self.as_slice().predictors(visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        self.as_mut_slice().predictors_mut(visit);
    }
}

impl<M: Module> Module for BTreeMap<String, M> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        for (key, module) in self {
            visit_part(module, &format!("['{key}']"), visit);
        }
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        for (key, module) in self {
            visit_part_mut(module, &format!("['{key}']"), visit);
        }
    }
}

/// In the order of the keys, so that paths come in the same order every time.
impl<M: Module, H> Module for HashMap<String, M, H> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        let mut entries: Vec<(&String, &M)> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        for (key, module) in entries {
            visit_part(module, &format!("['{key}']"), visit);
        }
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        let mut entries: Vec<(&String, &mut M)> = self.iter_mut().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        for (key, module) in entries {
            visit_part_mut(module, &format!("['{key}']"), visit);
        }
    }
}

impl<F: Forward> Forward for Box<F> {
    type In = F::In;
    type Out = F::Out;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        (**self).forward(input)
    }
}

impl<F: Forward> Forward for Arc<F> {
    type In = F::In;
    type Out = F::Out;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        (**self).forward(input)
    }
}
